import { failureOf, figureOf, type Results } from './results.js'
import { forwarderName, hocuspocusName, ours, oursForY, yWebsocketName } from './servers/kinds.js'
import { rounded, tableText } from './table.js'

/** What our relay set out to reach. */
interface Goal {
  readonly measure: string
  readonly metric: string
  readonly says: string
  /** the most that is allowed, in the metric's unit; null where those that it is compared with have no figure */
  most(figure: (server: string) => number | null): number | null
  /** default our relay with its own clients */
  readonly server?: string
}

const peers = [hocuspocusName, yWebsocketName]

function atMost(measure: string, metric: string, most: number, unit: string, server = ours.name): Goal {
  const suffix = server === ours.name ? '' : ', y-websocket clients'
  return { measure, metric, says: `≤ ${most} ${unit}${suffix}`, most: () => most, server }
}

function ratioTo(measure: string, metric: string, server: string, factor: number, says: string): Goal {
  const most = (figure: (server: string) => number | null) => {
    const other = figure(server)
    return other === null ? null : other * factor
  }
  return { measure, metric, says, most }
}

/** At most so much of what the better of the peers needs. */
function shareOfBest(measure: string, metrics: readonly string[], share: number): Goal[] {
  const says = share === 1 ? '≤ the best peer' : `≤ 1/${1 / share} of the best peer`
  const most = (figure: (server: string) => number | null) => {
    const figures = peers.map(figure).filter((value) => value !== null)
    return figures.length === 0 ? null : Math.min(...figures) * share
  }
  return metrics.map((metric) => ({ measure, metric, says: `${metric}: ${says}`, most }))
}

const goals: readonly Goal[] = [
  ratioTo('flood-50', 'cpu', hocuspocusName, 1 / 6, 'CPU ≤ Hocuspocus / 6'),
  ratioTo('flood-200', 'cpu', hocuspocusName, 1 / 4, 'CPU ≤ Hocuspocus / 4'),
  ratioTo('typist', 'cpu', forwarderName, 1.2, 'CPU ≤ 1.2 × forwarder'),
  ...shareOfBest('typist', ['p99'], 1),
  ...shareOfBest('audience', ['cpu', 'p99'], 1 / 5),
  atMost('busy-document', 'share', 12, '% of a core'),
  atMost('busy-document', 'p99', 25, 'ms p99'),
  atMost('many-documents', 'cpu', 100, 'µs of CPU'),
  atMost('many-documents', 'p99', 15, 'ms p99'),
  atMost('first-load', 'ms', 15, 'ms'),
  atMost('memory', 'document', 7, 'KB a document'),
  atMost('memory', 'socket', 15, 'KB a socket'),
  atMost('come-back', 'cpu', 0.15, 'ms of CPU'),
  atMost('come-back', 'cpu', 0.35, 'ms of CPU', oursForY.name),
  ...shareOfBest('join-storm-5mb', ['cpu', 'p99', 'peak'], 1 / 5),
  ...shareOfBest('join-storm-20mb', ['cpu', 'p99', 'peak'], 1 / 5),
  ...shareOfBest('presence-1hz', ['share', 'p99'], 1 / 5),
  ...shareOfBest('presence-10hz', ['share', 'p99'], 1 / 5),
  atMost('key-by-key', 'cpu', 2, 's of CPU'),
  atMost('key-by-key', 'disk', 120, 'KB on disk'),
  atMost('unchanged', 'bytes', 300, 'bytes'),
  atMost('kill', 'lost', 0, 's of work'),
]

/** Which goals are reached, by the medians of what was measured: a table of Markdown. */
export function goalsOf(results: Results): string {
  const rows = goals
    .filter(({ measure }) => measure in results.measures)
    .map(({ measure, metric, says, most, server = ours.name }) => {
      const figure = (name: string) => medianOf(results, measure, name, metric)
      const [own, limit] = [figure(server), most(figure)]
      const isMet = own !== null && (limit === null || own <= limit)
      const shown = limit === null ? 'no peer has a figure' : rounded(limit)
      return [measure, says, shown, own === null ? 'no figure' : rounded(own), isMet ? 'met' : '**missed**']
    })
  return tableText(['workload', 'goal', 'that is', 'ours', ''], rows)
}

function medianOf(results: Results, measure: string, server: string, metric: string): number | null {
  const rounds = results.measures[measure]?.rounds[server]
  if (rounds === undefined || failureOf(rounds) !== null) return null
  return figureOf(rounds, metric)?.median ?? null
}
