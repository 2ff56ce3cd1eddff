import type { Percentiles } from '../../admin/latencies.js'
import type { Overview } from '../../admin/overview.js'
import { grouped, printable } from '../terminal.js'

/** How much room there is. */
export interface FrameSize {
  readonly columns: number
  readonly rows: number
}

const numbersWidth = 34

/**
 * What `syncline top` shows: lines that fit the terminal, as many as there is room for.
 *
 * @param before the overview before, from which rates are told; null where there is none
 */
export function frameOf(now: Overview, before: Overview | null, { columns, rows }: FrameSize): string {
  const earlier = before !== null && before.time < now.time && before.uptimeMs < now.uptimeMs ? before : null
  const lines = [...headOf(now, earlier), '', ...tableOf(now, earlier, columns)]
  return lines
    .slice(0, Math.max(1, rows))
    .map((line) => [...line].slice(0, columns).join('').trimEnd())
    .join('\n')
}

function headOf(now: Overview, before: Overview | null): string[] {
  const { stats, disk, memoryBytes, loopLagMs } = now
  const rate = (name: 'updates' | 'receivedBytes' | 'sentBytes') => {
    return before && (1_000 * (stats[name] - before.stats[name])) / (now.time - before.time)
  }
  const state = now.ready ? 'ready' : now.readOnly ? 'READ-ONLY: the disk is nearly full' : 'NOT READY'
  const free = disk === null ? 'no disk' : `${bytes(disk.freeBytes)} free`
  return [
    `syncline ${now.version}  ${state}  up ${duration(now.uptimeMs)}`,
    `connections ${grouped(stats.connections)}   sessions ${grouped(stats.sessions)}   documents in memory ${grouped(stats.rooms)}`,
    `updates ${perSecond(rate('updates'))}   in ${bytesPerSecond(rate('receivedBytes'))}   out ${bytesPerSecond(rate('sentBytes'))}`,
    `ack ${percentiles(now.ackMs)}   commit ${percentiles(now.commitMs)}   event loop late ${ms(loopLagMs)}`,
    `memory ${bytes(memoryBytes)}   disk ${free}   waiting for it ${bytes(stats.backlogBytes)}`,
    `refused ${grouped(stats.refused)}   slow readers ${grouped(stats.slowReaders)}   compactions ${grouped(stats.compactions)}`,
  ]
}

/** The busiest documents, then the largest. */
function tableOf(now: Overview, before: Overview | null, columns: number): string[] {
  const earlier = new Map(before?.documents.map(({ name, updates }) => [name, updates]))
  const seconds = before === null ? null : (now.time - before.time) / 1_000
  const documents = now.documents
    .map((document) => {
      const { name, updates } = document
      const rate = seconds === null ? null : Math.max(0, updates - (earlier.get(name) ?? 0)) / seconds
      return { ...document, rate }
    })
    .sort((a, b) => (b.rate ?? 0) - (a.rate ?? 0) || b.bytes - a.bytes)
  const head = `${'sessions'.padStart(9)}${'updates/s'.padStart(11)}${'size'.padStart(11)}   document`
  const room = Math.max(8, columns - numbersWidth)
  return [
    head,
    ...documents.map(({ name, sessions, rate, bytes: size, readOnlyUntil }) => {
      const mark = readOnlyUntil === null ? '' : ' (read-only)'
      const numbers = grouped(sessions).padStart(9) + perSecond(rate).replace('/s', '').padStart(11)
      return `${numbers}${bytes(size).padStart(11)}   ${shortened(printable(name), room - mark.length)}${mark}`
    }),
  ]
}

function shortened(text: string, length: number): string {
  const characters = [...text]
  return characters.length <= length ? text : `${characters.slice(0, Math.max(1, length - 1)).join('')}…`
}

function percentiles(given: Percentiles | null): string {
  return given === null ? '–' : `p50 ${ms(given.p50)} p99 ${ms(given.p99)}`
}

function ms(given: number | null): string {
  return given === null ? '–' : `${given < 10 ? given.toFixed(1) : Math.round(given)} ms`
}

function perSecond(rate: number | null): string {
  if (rate === null) return '–'
  return `${rate > 0 && rate < 10 ? rate.toFixed(1) : grouped(Math.round(rate))}/s`
}

function bytesPerSecond(rate: number | null): string {
  return rate === null ? '–' : `${bytes(rate)}/s`
}

function bytes(given: number): string {
  let [amount, unit] = [given, 0]
  while (amount >= 1_000 && unit < 4) [amount, unit] = [amount / 1_000, unit + 1]
  return `${unit === 0 ? Math.round(amount) : amount.toPrecision(3)} ${['B', 'KB', 'MB', 'GB', 'TB'][unit]}`
}

function duration(given: number): string {
  const minutes = Math.floor(given / 60_000)
  if (minutes < 1) return `${Math.floor(given / 1_000)} s`
  if (minutes < 60) return `${minutes} min`
  return minutes < 48 * 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${Math.floor(minutes / 1_440)} d`
}
