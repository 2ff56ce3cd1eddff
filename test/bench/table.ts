import { failureOf, figureOf, type Results, ratioOf } from './results.js'
import type { Spread } from './statistics.js'
import type { Workload } from './workloads/index.js'

/**
 * The results as Markdown, a table for each workload: every figure as median (least–most) of its rounds, and how many
 * times ours the first one is.
 *
 * @param base the server that the others are compared with
 */
export function markdownOf(results: Results, workloads: readonly Workload[], base: string): string {
  const sections = workloads
    .filter(({ name }) => name in results.workloads)
    .map((workload) => `### ${workload.title}\n\n${tableOf(results, workload, base)}`)
  const machine = `Machine: ${results.machine}; a small durable write takes ${rounded(results.syncMs)} ms.`
  return [machine, ...sections].join('\n\n')
}

function tableOf(results: Results, { name, metrics }: Workload, base: string): string {
  const { rounds } = results.workloads[name]!
  const labels = metrics.map(({ label, unit }) => (unit === '' ? label : `${label}, ${unit}`))
  const head = [name, ...labels, 'times ours', 'rounds']
  const rows = Object.entries(rounds).map(([server, ofServer]) => {
    const failure = failureOf(ofServer)
    if (failure !== null) return [server, `no figure: ${failure}`, ...labels.slice(1).map(() => ''), '', '']
    const figures = metrics.map(({ key }) => textOf(figureOf(ofServer, key)))
    const isBase = server === base || rounds[base] === undefined
    const ratio = isBase ? null : ratioOf(ofServer, rounds[base]!, metrics[0]!.key)
    return [server, ...figures, textOf(ratio), String(ofServer.length)]
  })
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
