import type { Measure } from './measure.js'
import { failureOf, figureOf, type Results, type Round, ratioOf } from './results.js'
import { hocuspocusName, ours, yWebsocketName } from './servers/kinds.js'
import type { Spread } from './statistics.js'

/**
 * The results as Markdown, a table for each measure: every figure as median (least–most) of its rounds, and how many
 * times ours the first one is.
 *
 * @param base the server or client that the others are compared with
 * @param chartOf a chart that stands below a table, in Markdown; default none
 */
export function markdownOf(
  results: Results,
  measures: readonly Measure[],
  base: string,
  chartOf: (measure: Measure) => string = () => '',
): string {
  const sections = measures
    .filter(({ name }) => name in results.measures)
    .map((measure) => `### ${measure.title}\n\n${tableOf(results, measure, base)}${chartOf(measure)}`)
  const dates = [...new Set(Object.values(results.measures).map(({ date }) => date))].sort()
  const conditions = `${conditionsOf(results)} Measured on ${dates.join(', ')}.`
  return [conditions, ...sections].join('\n\n')
}

/** What one has to know to judge the figures. */
export function conditionsOf({ machine, syncMs, paper }: Omit<Results, 'measures'>): string {
  return `Machine: ${machine}; a small durable write takes ${rounded(syncMs)} ms. The paper: ${paper}.`
}

/** The first figure of every measure, of our relay and of those that people use today: what the project's page shows. */
export function overviewOf(results: Results, measures: readonly Measure[]): string {
  const servers = [ours.name, hocuspocusName, yWebsocketName]
  const rows = measures
    .filter(({ name }) => ours.name in (results.measures[name]?.rounds ?? {}))
    .map(({ name, title, metrics }) => {
      const { key, label, unit } = metrics[0]!
      // a client is measured with its own server, and stands in that one's column
      const columns = Object.entries(results.measures[name]!.rounds)
      const cells = servers.map((server) => {
        const [, rounds] = columns.find(([other]) => other.split(' ')[0] === server.split(' ')[0]) ?? []
        if (rounds === undefined) return ''
        const figure = failureOf(rounds) === null ? figureOf(rounds, key) : null
        return figure === null ? 'no figure' : rounded(figure.median)
      })
      return [`${title}: ${unit === '' ? label : `${label}, ${unit}`}`, ...cells]
    })
  return tableText(['less is better', ...servers], rows)
}

/** The load generator had not enough of its core left to tell the server's latencies from its own. */
export function isBoundByLoad(rounds: readonly Round[]): boolean {
  return failureOf(rounds) === null && (figureOf(rounds, 'load')?.median ?? 0) > 0.9
}

function tableOf(results: Results, { name, metrics }: Measure, base: string): string {
  const { rounds } = results.measures[name]!
  const labels = metrics.map(({ label, unit }) => (unit === '' ? label : `${label}, ${unit}`))
  const head = [name, ...labels, 'times ours', 'rounds']
  const rows = Object.entries(rounds).map(([server, ofServer]) => {
    const failure = failureOf(ofServer)
    if (failure !== null) return [server, `no figure: ${failure}`, ...labels.slice(1).map(() => ''), '', '']
    const figures = metrics.map(({ key }) => textOf(figureOf(ofServer, key)))
    const isBase = server === base || rounds[base] === undefined
    const ratio = isBase ? null : ratioOf(ofServer, rounds[base]!, metrics[0]!.key)
    const mark = isBoundByLoad(ofServer) ? ' †' : ''
    return [server + mark, ...figures, textOf(ratio), String(ofServer.length)]
  })
  const isMarked = Object.values(rounds).some(isBoundByLoad)
  const note = isMarked ? '\n\n† The load needed more than nine tenths of its core: latencies are its own.' : ''
  return tableText(head, rows) + note
}

/** A table of Markdown, figures to the right. */
export function tableText(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '--:'))), ...rows.map(line)].join('\n')
}

/** `1.2 (1.1–1.4)`, or the one value where there is one. */
export function textOf(spread: Spread | null): string {
  if (spread === null) return ''
  const [min, median, max] = [spread.min, spread.median, spread.max].map(rounded)
  return min === max ? median! : `${median} (${min}–${max})`
}

/** Three digits, as more of them would be noise. */
export function rounded(value: number): string {
  if (value === 0) return '0'
  if (!Number.isFinite(value)) return '?'
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))))
  return value.toLocaleString('en', { maximumFractionDigits: Math.min(digits, 3) })
}
