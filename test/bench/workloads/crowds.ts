import * as Y from 'yjs'
import { deletionsOf } from '../paper.js'
import { Progress } from '../progress.js'
import { Latencies } from '../statistics.js'
import { clocksOf, documentOf, writing } from '../updates.js'
import type { Workload } from './workload.js'

/** A network that was gone for a moment comes back, and everyone with it. */
export const comeBack: Workload = {
  name: 'come-back',
  title: '2,000 clients of 200 documents drop and return at once',
  metrics: [
    { key: 'cpu', label: 'CPU per client', unit: 'ms' },
    { key: 'p99', label: 'p99 until synced', unit: 'ms' },
  ],
  withStockClients: true,
  skips: ({ keeps }) => !keeps,
  async run(trial) {
    const documents = trial.pick(200, 10)
    const clientsEach = trial.pick(10, 4)
    const content = writing(1, 2_000)
    const doc = documentOf([content])
    const nameOf = (i: number) => `team-${Math.floor(i / clientsEach)}`
    for (let i = 0; i < documents; i++) {
      const author = await trial.join(nameOf(i * clientsEach))
      author.write(content)
      await trial.read(nameOf(i * clientsEach), clocksOf(doc))
    }
    const before = await trial.joinMany(documents * clientsEach, nameOf)
    const points = before.map(({ point }) => point)
    await trial.end()

    const known = { stateVector: Y.encodeStateVector(doc), difference: deletionsOf(doc) }
    const latencies = new Latencies()
    const meter = trial.meter()
    await trial.joinMany(points.length, nameOf, {
      known: (i) => ({ ...known, point: points[i] }),
      prepare: (client) => {
        const start = performance.now()
        client.joined.then(
          () => latencies.add(performance.now() - start),
          () => {},
        )
      },
    })
    const { cpuMs, loadShare } = meter
    for (let i = 0; i < documents; i += 20) await trial.assertKept(nameOf(i * clientsEach), doc)
    return { cpu: cpuMs / points.length, p99: latencies.quantile(0.99), load: loadShare }
  },
}

/** A large document is shown to a whole room at once. */
export const joinStorm: Workload = {
  name: 'join-storm',
  title: '150 clients join one document of 5 MB at once',
  metrics: [
    { key: 'cpu', label: 'CPU per client', unit: 'ms' },
    { key: 'p99', label: 'p99 until it is there', unit: 'ms' },
    { key: 'peak', label: 'memory at most', unit: 'MB' },
  ],
  rounds: 2,
  // it has nothing that it could send
  skips: ({ keeps }) => !keeps,
  async run(trial) {
    const pieces = Array.from({ length: trial.pick(10, 2) }, (_, i) => writing(i + 1, trial.pick(500_000, 50_000)))
    const expected = documentOf(pieces)
    const author = await trial.join('large')
    for (const piece of pieces) author.write(piece)
    await trial.read('large', clocksOf(expected))

    const readers = Array.from({ length: trial.pick(150, 10) }, () => new Progress())
    const latencies = new Latencies()
    const meter = trial.meter()
    const start = performance.now()
    const lastMs = readers.map(() => 0)
    await trial.joinMany(readers.length, () => 'large', {
      prepare: (client, i) => {
        client.onUpdate = (update) => {
          lastMs[i] = performance.now() - start
          readers[i]!.collect(update)
        }
      },
    })
    const { cpuMs, loadShare } = meter
    const peak = trial.peakBytes / 1e6
    await trial.untilAllHave(readers, clocksOf(expected))
    for (const ms of lastMs) latencies.add(ms)
    await trial.assertKept('large', expected)
    return { cpu: cpuMs / readers.length, p99: latencies.quantile(0.99), peak, load: loadShare }
  },
}
