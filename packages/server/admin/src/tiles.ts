import type { Overview } from './api.js'
import { h, setText } from './dom.js'
import { bytesText, countText, msText, rateText } from './format.js'

const pointsMax = 60

/** How fast counters of the relay grow, from one overview to the next. */
export interface Rates {
  readonly updates: number
  readonly receivedBytes: number
  readonly sentBytes: number
}

/** Null where there is no earlier overview of the same process. */
export function ratesOf(now: Overview, before: Overview | null): Rates | null {
  if (before === null || before.time >= now.time || now.uptimeMs < before.uptimeMs) return null
  const seconds = (now.time - before.time) / 1_000
  const rate = (name: keyof Rates) => (now.stats[name] - before.stats[name]) / seconds
  return { updates: rate('updates'), receivedBytes: rate('receivedBytes'), sentBytes: rate('sentBytes') }
}

interface TileText {
  readonly value: string
  readonly note?: string
  /** what the line goes through */
  readonly point?: number
  readonly isBad?: boolean
}

const tiles: readonly [label: string, text: (overview: Overview, rates: Rates | null) => TileText][] = [
  [
    'Connections',
    ({ stats, documents }) => ({
      value: countText(stats.connections),
      note: `${countText(sessionsOn(documents))} on documents`,
      point: stats.connections,
    }),
  ],
  [
    'Updates a second',
    ({ stats }, rates) => ({
      value: rates ? rateText(rates.updates) : '–',
      note: `${countText(stats.updates)} in all`,
      point: rates?.updates ?? 0,
    }),
  ],
  [
    'Traffic',
    (_, rates) => ({
      value: rates ? `${bytesText(rates.sentBytes)}/s out` : '–',
      note: rates ? `${bytesText(rates.receivedBytes)}/s in` : '',
      point: rates?.sentBytes ?? 0,
    }),
  ],
  [
    'Until saved',
    ({ ackMs, commitMs }) => ({
      value: msText((ackMs ?? commitMs)?.p50),
      note: `99%: ${msText((ackMs ?? commitMs)?.p99)}`,
      point: (ackMs ?? commitMs)?.p50 ?? 0,
    }),
  ],
  [
    'Documents in memory',
    ({ stats, documents }) => ({
      value: countText(documents.length < 100 ? documents.length : stats.rooms),
      note: `${bytesText(stats.backlogBytes)} wait for the disk`,
    }),
  ],
  [
    'Event loop',
    ({ loopLagMs }) => ({
      value: msText(loopLagMs),
      note: 'late, 99%',
      point: loopLagMs ?? 0,
      isBad: (loopLagMs ?? 0) > 200,
    }),
  ],
  ['Memory', ({ memoryBytes }) => ({ value: bytesText(memoryBytes), note: 'of the process' })],
  [
    'Disk',
    ({ disk, readOnly }) => ({
      value: disk ? bytesText(disk.freeBytes) : '–',
      note: disk ? `free of ${bytesText(disk.totalBytes)}` : 'in memory alone',
      isBad: readOnly,
    }),
  ],
]

/** Of clients: the relay's own are none. */
function sessionsOn(documents: Overview['documents']): number {
  return documents.reduce((sum, { sessions }) => sum + sessions, 0)
}

/** The figures that change all the time. */
export class Tiles {
  readonly element = h('section', { class: 'tiles', 'aria-label': 'What the relay does' })
  readonly #show: ((overview: Overview, rates: Rates | null) => void)[] = []

  constructor() {
    for (const [label, textOf] of tiles) {
      const value = h('strong')
      const note = h('span', { class: 'muted small' })
      const line = new Line()
      const tile = h('div', { class: 'card tile' }, h('span', { class: 'muted small' }, label), value, note)
      this.element.append(tile)
      this.#show.push((overview, rates) => {
        const text = textOf(overview, rates)
        setText(value, text.value)
        setText(note, text.note ?? '')
        tile.classList.toggle('bad', text.isBad ?? false)
        if (text.point === undefined) return
        line.add(text.point)
        if (!line.svg.isConnected) tile.append(line.svg)
      })
    }
  }

  show(overview: Overview, rates: Rates | null): void {
    for (const show of this.#show) show(overview, rates)
  }
}

/** The last minute of a figure. */
class Line {
  readonly svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
  readonly #path = document.createElementNS('http://www.w3.org/2000/svg', 'polyline')
  readonly #points: number[] = []

  constructor() {
    this.svg.setAttribute('viewBox', `0 0 ${pointsMax - 1} 20`)
    this.svg.setAttribute('preserveAspectRatio', 'none')
    this.svg.setAttribute('aria-hidden', 'true')
    this.svg.append(this.#path)
  }

  add(point: number): void {
    this.#points.push(point)
    if (this.#points.length > pointsMax) this.#points.shift()
    const top = Math.max(...this.#points, 1e-9)
    const first = pointsMax - this.#points.length
    const coordinates = this.#points.map((each, index) => `${first + index},${(19 - (18 * each) / top).toFixed(1)}`)
    this.#path.setAttribute('points', coordinates.join(' '))
  }
}
