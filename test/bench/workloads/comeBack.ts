import * as Y from 'yjs'
import { deletionsOf } from '../paper.js'
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
  rounds: 2,
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
