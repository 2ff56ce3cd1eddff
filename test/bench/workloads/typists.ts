import type { Metric } from '../measure.js'
import { Progress } from '../progress.js'
import { Latencies } from '../statistics.js'
import { pace, type Trial } from '../trial.js'
import { clocksOf, documentOf, typing } from '../updates.js'
import type { Workload } from './workload.js'

// code is compiled when it was used for a while: where little is done in a second, that takes some of them
const warmSecondsUsual = 6

const latency: readonly Metric[] = [
  { key: 'p50', label: 'p50', unit: 'ms' },
  { key: 'p99', label: 'p99', unit: 'ms' },
]

/** One person types, and many follow. */
function typistBefore(name: string, readers: number, perSecond: number, rounds: number): Workload {
  return {
    name,
    rounds,
    title: `1 writer at ${perSecond}/s, ${readers.toLocaleString('en')} readers`,
    metrics: [{ key: 'cpu', label: 'CPU per delivery', unit: 'µs' }, ...latency],
    async run(trial) {
      const room = { document: name, writers: 1, readers: trial.pick(readers, 10), perSecond }
      const { cpuMs, deliveries, ...rest } = await type(trial, [room], trial.pick(3, 1))
      return { cpu: (cpuMs * 1000) / deliveries, ...rest }
    },
  }
}

/** Somebody types as fast as a key repeats. */
export const typist: Workload = typistBefore('typist', 200, 50, 3)

/** Somebody writes on a stage. */
export const audience: Workload = typistBefore('audience', 1_500, 5, 2)

/** A meeting writes its minutes together. */
export const busyDocument: Workload = {
  name: 'busy-document',
  title: '100 people in one document, 5 characters a second each',
  rounds: 2,
  metrics: [{ key: 'share', label: 'CPU of a core', unit: '%' }, ...latency],
  async run(trial) {
    const seconds = trial.pick(3, 1)
    const room = { document: 'busy', writers: trial.pick(100, 10), readers: 0, perSecond: 5 }
    const { cpuMs, deliveries: _, ...rest } = await type(trial, [room], seconds)
    return { share: cpuMs / seconds / 10, ...rest }
  },
}

/** Many pairs of people, each in their own document. */
export const manyDocuments: Workload = {
  name: 'many-documents',
  title: '2,000 documents, 2 people each, 1 character a second',
  rounds: 1, // long as it is
  skips: ({ keeps }) => !keeps,
  metrics: [{ key: 'cpu', label: 'CPU per update', unit: 'µs' }, ...latency],
  async run(trial) {
    const rooms = Array.from({ length: trial.pick(2_000, 20) }, (_, i) => {
      return { document: `pair-${i}`, writers: 1, readers: 1, perSecond: 1 }
    })
    // Hocuspocus writes to disk after 10 s at the latest
    const seconds = trial.pick(11, 1)
    const { cpuMs, deliveries: _, ...rest } = await type(trial, rooms, seconds)
    return { cpu: (cpuMs * 1000) / (rooms.length * seconds), ...rest }
  },
}

/** All rooms of a workload are alike. */
interface Room {
  readonly document: string
  readonly writers: number
  /** beside the writers, who read too */
  readonly readers: number
  readonly perSecond: number
}

type Table = Awaited<ReturnType<typeof seat>>

/** Everyone types at the same pace. Latency is from a writer's send to each reader's receipt. */
async function type(trial: Trial, rooms: readonly Room[], seconds: number) {
  const latencies = new Latencies()
  const warmSeconds = trial.pick(warmSecondsUsual, 1)
  const tables: Table[] = []
  while (tables.length < rooms.length) {
    const some = rooms.slice(tables.length, tables.length + 50)
    tables.push(...(await Promise.all(some.map((room) => seat(trial, room, warmSeconds, seconds, latencies)))))
  }
  const writers = tables.flatMap((table) => table.writers)
  const { perSecond } = rooms[0]!
  const typeFor = (s: number) => pace(writers.length * perSecond * s, s * 1000, (i) => writers[i % writers.length]!())
  await typeFor(warmSeconds)
  const meter = trial.meter()
  await typeFor(seconds)
  for (const { readers, expected } of tables) await trial.untilAllHave(readers, clocksOf(expected))
  const { cpuMs, loadShare } = meter
  const deliveries = writers.length * perSecond * seconds * (tables[0]!.readers.length - 1)
  // newcomers to all would take longer than the run
  for (const { document, expected } of tables.slice(0, 100)) await trial.assertKept(document, expected)
  return { cpuMs, deliveries, p50: latencies.quantile(0.5), p99: latencies.quantile(0.99), load: loadShare }
}

/** The people of one document, everyone with what they will type. */
async function seat(trial: Trial, room: Room, warmSeconds: number, seconds: number, latencies: Latencies) {
  const { document, writers, perSecond } = room
  const [updatesEach, warmEach] = [(warmSeconds + seconds) * perSecond, warmSeconds * perSecond]
  const typed = Array.from({ length: writers }, (_, i) => typing(i + 1, updatesEach))
  const sentAt = typed.map(() => new Float64Array(updatesEach))
  const readers = Array.from({ length: writers + room.readers }, () => new Progress())
  const clients = await trial.joinMany(readers.length, () => document, {
    prepare: (client, i) => {
      client.onUpdate = (update) => {
        const now = performance.now()
        readers[i]!.take(update, (author, from, to) => {
          for (let clock = Math.max(from, warmEach); clock < to; clock++)
            latencies.add(now - sentAt[author - 1]![clock]!)
        })
      }
    },
  })
  const turns = typed.map((updates, i) => {
    let next = 0
    return () => {
      sentAt[i]![next] = performance.now()
      readers[i]!.take(updates[next]!) // some wires echo: that is no delivery
      clients[i]!.write(updates[next++]!)
    }
  })
  return { document, readers, writers: turns, expected: documentOf(typed.flat()) }
}
