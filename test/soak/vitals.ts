import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { askRelay } from '../../packages/server/src/control/client.js'
import type { RelayProcess } from '../support/relay.js'

const KiB = 1024
const MiB = 1024 * KiB

/** What a relay took at one moment. */
export interface Vitals {
  readonly second: number
  readonly rssMiB: number
  /** what is alive in it, as of its last collection */
  readonly heapMiB: number
  readonly handles: number
  readonly rooms: number
  readonly sessions: number
  readonly diskMiB: number
  readonly acknowledged: number
}

/** What may grow with the work that is going on, and must not grow with what is done. */
export const bounded = ['rssMiB', 'heapMiB', 'handles', 'diskMiB'] as const

// beside a tenth: what comes and goes with the documents that happen to be open, and with LevelDB's tables and files
const slack: { readonly [what in (typeof bounded)[number]]: number } = {
  rssMiB: 48,
  heapMiB: 12,
  handles: 24,
  diskMiB: 64,
}

/** Looks at a relay, with `heapFile` as it tells it. */
export async function look(
  relay: RelayProcess,
  heapFile: string,
): Promise<Omit<Vitals, 'second' | 'acknowledged'> & { readonly exceptions: number }> {
  const pid = relay.process.pid!
  const status = (await askRelay(relay.dataDirectory, { path: '/status' })) as Record<string, number>
  const memory = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!
  return {
    rssMiB: Math.round(Number(memory[1]) / KiB),
    heapMiB: Math.round(Number(readText(heapFile)) / MiB),
    handles: readdirSync(`/proc/${pid}/fd`).length,
    rooms: status.rooms!,
    sessions: status.sessions!,
    diskMiB: Math.round(bytesBelow(relay.dataDirectory) / MiB),
    exceptions: status.exceptions!,
  }
}

/**
 * What grew: the second half after a warm-up of a third is compared with the first half, each by its mean.
 *
 * @returns a sentence for each
 */
export function growth(samples: readonly Vitals[]): string[] {
  const warm = samples.slice(Math.floor(samples.length / 3))
  const middle = Math.floor(warm.length / 2)
  return bounded.flatMap((what) => {
    const [before, after] = [warm.slice(0, middle), warm.slice(middle)].map((half) => mean(half, what)) as [
      number,
      number,
    ]
    const most = before * 1.1 + slack[what]
    return after > most
      ? [`${what} went from ${before.toFixed(1)} to ${after.toFixed(1)}, over ${most.toFixed(1)}`]
      : []
  })
}

/** Some of the samples, as lines of a table. */
export function tableOf(samples: readonly Vitals[], lines = 12): string {
  const columns = Object.keys(samples[0] ?? {}) as (keyof Vitals)[]
  const every = Math.max(1, Math.ceil(samples.length / lines))
  const shown = samples.filter((_, i) => i % every === 0 || i === samples.length - 1)
  const rows = [columns, ...shown.map((sample) => columns.map((column) => String(sample[column])))]
  return rows.map((row) => row.map((cell) => cell.padStart(13)).join('')).join('\n')
}

function mean(samples: readonly Vitals[], what: (typeof bounded)[number]): number {
  return samples.reduce((sum, sample) => sum + sample[what], 0) / samples.length
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return '0' // it has not told yet
  }
}

/** A file may go while it is looked at. */
function bytesBelow(directory: string): number {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).reduce((sum, name) => {
    const stats = statSync(join(directory, name), { throwIfNoEntry: false })
    return sum + (stats?.isFile() ? stats.size : 0)
  }, 0)
}
