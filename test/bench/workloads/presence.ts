import * as decoding from 'lib0/decoding'
import { forwarderWithFile } from '../servers/kinds.js'
import { Latencies } from '../statistics.js'
import { pace } from '../trial.js'
import { cursor } from '../updates.js'
import type { Workload } from './workload.js'

// five times as long as they moved
const waitMsMax = 15_000

// latencies of so many readers; all of them are checked
const sampled = 10

/** Everyone in one document moves their cursor, and sees everyone else's. */
export function presence(perSecond: number): Workload {
  return {
    name: `presence-${perSecond}hz`,
    title: `500 people move their cursors ${perSecond === 1 ? 'once' : `${perSecond} times`} a second`,
    metrics: [
      { key: 'share', label: 'CPU of a core', unit: '%' },
      { key: 'p50', label: 'p50', unit: 'ms' },
      { key: 'p99', label: 'p99', unit: 'ms' },
    ],
    rounds: 2,
    // cursors are written nowhere
    skips: ({ name }) => name === forwarderWithFile,
    async run(trial) {
      const people = trial.pick(500, 20)
      const seconds = trial.pick(3, 1)
      const moves = Math.max(1, Math.round(seconds * perSecond))
      const sentAt = Array.from({ length: people }, () => new Float64Array(moves + 1))
      const seen = Array.from({ length: people }, () => new Uint32Array(people + 1))
      const latencies = new Latencies()
      const clients = await trial.joinMany(people, () => 'meeting', {
        prepare: (client, reader) => {
          client.onAwareness = (update) => {
            const now = performance.now()
            eachClock(update, (person, clock) => {
              if (clock <= seen[reader]![person]!) return
              seen[reader]![person] = clock
              if (reader < sampled) latencies.add(now - sentAt[person - 1]![clock]!)
            })
          }
        },
      })
      const meter = trial.meter()
      await pace(people * moves, seconds * 1000, (i) => {
        const person = i % people
        const clock = Math.floor(i / people) + 1
        sentAt[person]![clock] = performance.now()
        seen[person]![person + 1] = clock // some wires echo
        clients[person]!.present(cursor(person + 1, clock))
      })
      const everyoneIsSeen = () =>
        seen.every((clocks) => clocks.every((clock, person) => person === 0 || clock === moves))
      await trial.until('everyone to see where everyone is', everyoneIsSeen, waitMsMax)
      const { cpuMs, loadShare } = meter
      return {
        share: cpuMs / seconds / 10,
        p50: latencies.quantile(0.5),
        p99: latencies.quantile(0.99),
        load: loadShare,
      }
    },
  }
}

/** Reads who and when, and passes over the states: a generator that parsed them would be the limit. */
function eachClock(update: Uint8Array, found: (client: number, clock: number) => void): void {
  const decoder = decoding.createDecoder(update)
  for (let left = decoding.readVarUint(decoder); left > 0; left--) {
    const client = decoding.readVarUint(decoder)
    const clock = decoding.readVarUint(decoder)
    const stateBytes = decoding.readVarUint(decoder)
    decoder.pos += stateBytes
    found(client, clock)
  }
}
