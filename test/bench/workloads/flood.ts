import { Progress } from '../progress.js'
import type { Trial } from '../trial.js'
import { clocksOf, documentOf, typing } from '../updates.js'
import type { Workload } from './workload.js'

/** One writes as fast as the server takes it, many read: what a delivery costs when all there is to do is to deliver. */
export function flood(readersFull: number, updatesFull: number): Workload {
  return {
    name: `flood-${readersFull}`,
    title: `Flood: 1 writer, ${readersFull} readers`,
    rounds: readersFull > 100 ? 2 : 3,
    metrics: [
      { key: 'cpu', label: 'CPU per delivery', unit: 'µs' },
      { key: 'rate', label: 'deliveries', unit: 'per s' },
    ],
    async run(trial) {
      await run(trial, 'warm', 5, 2_000) // code is compiled when it was used for a while
      const [readers, updates] = [trial.pick(readersFull, 10), trial.pick(updatesFull, 2_000)]
      const { cpuMs, elapsedMs, loadShare } = await run(trial, 'flood', readers, updates)
      const deliveries = updates * readers
      return { cpu: (cpuMs * 1000) / deliveries, rate: (deliveries * 1000) / elapsedMs, load: loadShare }
    },
  }
}

async function run(trial: Trial, document: string, readersCount: number, updatesCount: number) {
  const updates = typing(1, updatesCount)
  const expected = documentOf(updates)
  const readers = Array.from({ length: readersCount }, () => new Progress())
  await trial.joinMany(readersCount, () => document, {
    prepare: (client, i) => {
      client.onUpdate = (update) => readers[i]!.collect(update)
    },
  })
  const writer = await trial.join(document)
  const meter = trial.meter()
  await writer.writeAll(updates)
  await trial.untilAllHave(readers, clocksOf(expected))
  const { cpuMs, elapsedMs, loadShare } = meter
  await trial.assertKept(document, expected)
  return { cpuMs, elapsedMs, loadShare }
}
