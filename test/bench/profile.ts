import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const shown = 25

interface Profile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
  readonly startTime: number
}

/** A part of a process's time, in microseconds of the machine's monotonic clock. */
export interface Window {
  readonly from: number
  readonly to: number
}

/** This moment, for a {@link Window}. */
export const monotonicMicros = () => Number(process.hrtime.bigint() / 1000n)

/** Prints where the time of each profile in a directory went, within the window, and removes the profiles. */
export function printProfiles(directory: string, window: Window): void {
  for (const name of readdirSync(directory)) {
    const path = join(directory, name)
    printProfile(JSON.parse(readFileSync(path, 'utf8')), window)
    rmSync(path)
  }
}

function printProfile({ nodes, samples, timeDeltas, startTime }: Profile, { from, to }: Window): void {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]))
  const times = new Map<string, number>()
  let at = startTime
  samples.forEach((id, i) => {
    at += timeDeltas[i]!
    if (at < from || at > to) return
    const name = names.get(id)!
    times.set(name, (times.get(name) ?? 0) + timeDeltas[i]!)
  })
  const busy = [...times].filter(([name]) => name !== '(idle)' && name !== '(program)')
  const all = busy.reduce((sum, [, time]) => sum + time, 0)
  console.log(`    ${Math.round(all / 1000)} ms of JavaScript, collection and calls into Node:`)
  for (const [name, time] of busy.sort(([, a], [, b]) => b - a).slice(0, shown)) {
    console.log(`    ${((100 * time) / all).toFixed(1).padStart(5)}%  ${name}`)
  }
}

function nameOf({ functionName, url, lineNumber }: Profile['nodes'][number]['callFrame']): string {
  const file = url.split(/node_modules\/|packages\//).at(-1)!
  return `${functionName || '(anonymous)'}${file === '' ? '' : ` ${file}:${lineNumber + 1}`}`
}
