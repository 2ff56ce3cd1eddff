import * as Y from 'yjs'
import { deletionsOf, paper } from '../paper.js'
import { Progress } from '../progress.js'
import { sleep, type Trial } from '../trial.js'
import { clocksOf } from '../updates.js'
import type { Workload } from './workload.js'

const document = 'paper'
// our relay compacts what it has 5 s after the last one left, and Hocuspocus writes up to 10 s after the last edit
const tidyMs = 8_000

/** A server that was just started is asked for a document that it has on disk. */
export const firstLoad: Workload = {
  name: 'first-load',
  title: 'Cold start: first load of the paper',
  metrics: [
    { key: 'ms', label: 'until it is there', unit: 'ms' },
    { key: 'cpu', label: 'CPU', unit: 'ms' },
  ],
  isLocal: true,
  withStockClients: true,
  skips: ({ keeps }) => !keeps,
  async run(trial) {
    await store(trial)
    await trial.untilQuiet() // what says that it saved does not always mean the disk
    await trial.server.stop()
    await trial.server.start()
    const expected = clocksOf(paper().doc)
    const meter = trial.meter()
    const ms = await load(trial, expected)
    const { cpuMs } = meter
    await trial.assertKept(document, paper().doc)
    return { ms, cpu: cpuMs }
  },
}

/** A client comes back to a document in which nothing has changed. */
export const unchanged: Workload = {
  name: 'unchanged',
  title: 'Reconnect to the paper with no change',
  rounds: 1, // bytes are the same every time
  metrics: [{ key: 'bytes', label: 'bytes, both ways', unit: 'B' }],
  withStockClients: true,
  // it keeps no state that one could come back to
  skips: ({ keeps }) => !keeps,
  async run(trial) {
    await store(trial)
    const { doc } = paper()
    // somebody else stays, or the server would have to load it again
    await trial.join(document)
    const first = await trial.join(document)
    const { point } = first
    await trial.drop([first])
    trial.meter() // for a profile: what the server does then
    const back = await trial.join(document, {
      point,
      stateVector: Y.encodeStateVector(doc),
      difference: deletionsOf(doc),
    })
    await sleep(200) // what follows the sync
    const { bytes } = back
    await trial.assertKept(document, doc)
    return { bytes }
  },
}

/** A paper is typed, every key an update of its own. */
export const keyByKey: Workload = {
  name: 'key-by-key',
  title: 'The paper typed key by key, every key an update',
  rounds: 1, // long as it is
  skips: ({ keeps }) => !keeps,
  metrics: [
    { key: 'cpu', label: 'CPU', unit: 's' },
    { key: 'disk', label: 'disk when quiet', unit: 'KB' },
  ],
  isLocal: true,
  async run(trial) {
    const { doc, updates } = paper()
    // a short one is another paper: the beginning of this one
    const keys = trial.isQuick ? updates.slice(0, 3_000) : updates
    const typed = trial.isQuick ? beginning(keys) : doc
    const reader = new Progress()
    const audience = trial.connect(document)
    audience.onUpdate = (update) => reader.collect(update)
    await audience.joined
    const writer = await trial.join(document)
    const meter = trial.meter()
    await writer.writeAll(keys)
    await trial.untilAllHave([reader], clocksOf(typed))
    await trial.drop([writer, audience])
    const disk = (await trial.untilQuiet(tidyMs)) ?? Number.NaN
    const { cpuMs } = meter
    await trial.assertKept(document, typed)
    return { cpu: cpuMs / 1000, disk: disk / 1000 }
  },
}

function beginning(updates: readonly Uint8Array[]): Y.Doc {
  const doc = new Y.Doc()
  for (const update of updates) Y.applyUpdate(doc, update)
  return doc
}

/** Sends the whole paper as one update, and waits until the server has it. */
async function store(trial: Trial): Promise<void> {
  const writer = await trial.join(document)
  writer.write(Y.encodeStateAsUpdate(paper().doc))
  await trial.read(document, clocksOf(paper().doc))
  if (trial.wire.acknowledges) await trial.until('the paper to be saved', () => writer.savedCount === 1)
  await trial.drop([writer])
}

/** The time until a newcomer has everything: some servers say that they have sent it before they have read it. */
async function load(trial: Trial, expected: ReadonlyMap<number, number>): Promise<number> {
  const progress = new Progress()
  const start = performance.now()
  let lastMs = 0
  const client = trial.connect(document)
  client.onUpdate = (update) => {
    lastMs = performance.now() - start
    progress.collect(update)
  }
  await client.joined
  await trial.until('the paper to come', () => progress.has(expected))
  return lastMs
}
