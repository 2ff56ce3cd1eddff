import { readFileSync } from 'node:fs'
import type { RelayProcess } from '../support/relay.js'

const MiB = 1024 ** 2
const ticksPerSecond = 100 // USER_HZ, the same on every Linux

/** What the process takes, as Linux tells it. */
export interface Vitals {
  readonly rssMiB: number
  /** the most that it ever took */
  readonly peakMiB: number
  readonly cpuSeconds: number
}

/** Looks at a relay; null where there is no `/proc`. */
export function vitalsOf(relay: RelayProcess): Vitals | null {
  if (process.platform !== 'linux') return null
  const { pid } = relay.process
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kiB = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)![1]) * 1024
  // after the name, which may have spaces: the 14th and 15th of all fields
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return {
    rssMiB: Math.round(kiB('VmRSS') / MiB),
    peakMiB: Math.round(kiB('VmHWM') / MiB),
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
  }
}
