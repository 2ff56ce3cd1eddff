import { readFileSync } from 'node:fs'

/**
 * How long the main thread of a process was ready to run while the machine ran something else, in ms since it began; 0
 * where Linux does not tell.
 */
export function lateMs(pid: number): number {
  try {
    const [, waited = '0'] = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')
    return Number(waited) / 1e6
  } catch {
    return 0
  }
}
