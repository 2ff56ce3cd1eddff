import type { Measure } from './measure.js'
import { failureOf, figureOf, type Rounds } from './results.js'
import type { Spread } from './statistics.js'
import { rounded } from './table.js'

const width = 720
const rowHeight = 30
const top = 44
const left = 210
const right = 110

const style = `
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 14px }
.note { fill: #59636e }
.bar { fill: #8c959f }
.ours { fill: #1a7f64 }
.spread { stroke: #1f2328; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc }
  .note { fill: #9198a1 }
  .bar { fill: #656c76 }
  .ours { fill: #2da883 }
  .spread { stroke: #f0f6fc }
}`

/**
 * The first figure of a workload as bars, shorter is better: the median, and a line from the least to the most of the
 * rounds.
 *
 * @param isOurs what is drawn in colour
 */
export function chartOf({ title, metrics }: Measure, rounds: Rounds, isOurs: (server: string) => boolean): string {
  const { key, label, unit } = metrics[0]!
  const rows = Object.entries(rounds).map(([server, ofServer]) => {
    return { server, spread: failureOf(ofServer) === null ? figureOf(ofServer, key) : null }
  })
  const most = Math.max(...rows.map(({ spread }) => spread?.max ?? 0), Number.MIN_VALUE)
  const scale = (value: number) => (Math.max(value, 0) / most) * (width - left - right)
  const bars = rows.map(({ server, spread }, i) => rowOf(server, spread, top + i * rowHeight, isOurs(server), scale))
  const heading = [title, [label, unit].filter((part) => part !== '').join(', ')]
  const height = top + rows.length * rowHeight + 8
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escaped(heading.join(': '))}</title>`,
    `<style>${style}</style>`,
    `<text class="title" x="8" y="20">${escaped(heading[0]!)}</text>`,
    `<text class="note" x="8" y="38">${escaped(heading[1]!)}; less is better</text>`,
    ...bars,
    '</svg>\n',
  ].join('\n')
}

function rowOf(
  server: string,
  spread: Spread | null,
  y: number,
  isOurs: boolean,
  scale: (value: number) => number,
): string {
  const middle = y + rowHeight / 2
  const name = `<text x="${left - 8}" y="${middle + 4}" text-anchor="end">${escaped(server)}</text>`
  if (spread === null) return `${name}\n<text class="note" x="${left}" y="${middle + 4}">no figure</text>`
  const [from, to, end] = [spread.min, spread.max, spread.median].map((value) => scale(value).toFixed(1))
  return [
    name,
    `<rect class="${isOurs ? 'ours' : 'bar'}" x="${left}" y="${y + 5}" width="${end}" height="${rowHeight - 10}" rx="2"/>`,
    `<line class="spread" x1="${left + Number(from)}" x2="${left + Number(to)}" y1="${middle}" y2="${middle}"/>`,
    `<text x="${left + Math.max(Number(end), Number(to)) + 8}" y="${middle + 4}">${rounded(spread.median)}</text>`,
  ].join('\n')
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
