import { chainAfter } from '@syncline/protocol'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { until } from '../support/until.js'
import { joinYWebsocket, NativeClient, read, startRelay, TestClock, TestLog, typed } from './support.js'

// the thread is that of the package as it was built

/** The update of an edit. */
function edited(doc: Y.Doc, edit: (text: Y.Text) => void): Uint8Array {
  const before = Y.encodeStateVector(doc)
  edit(doc.getText())
  return Y.encodeStateAsUpdate(doc, before)
}

/** 30 KB in place of what was there. */
function paste(text: Y.Text, i: number): void {
  text.delete(0, text.length)
  text.insert(0, String(i % 10).repeat(30_000))
}

/** Opens a document and pastes into it twelve times, which makes it heavy. */
async function pasteOften(client: NativeClient, doc: Y.Doc): Promise<void> {
  await client.open(1, 'notes', doc)
  for (let i = 0; i < 12; i++) {
    const update = edited(doc, (text) => paste(text, i))
    client.ask(1, { type: 'update', seq: i + 2, answer: false, update })
    await client.hears(1, 'ack', i + 2)
  }
}

describe('a document that has become heavy', () => {
  test('is compacted while it is open: a newcomer gets less, and who was away what is new', async () => {
    const { url, log, relay, lines } = await startRelay()
    const [client, doc] = [await NativeClient.connect(url), new Y.Doc()]
    await pasteOften(client, doc)
    await until('the compaction', () => relay.stats().compactions === 1, { seen: () => lines })
    expect(relay.stats()).toMatchObject({ compactionMismatches: 0, compactionFailures: 0 })
    expect(relay.stats().compactionBytesSaved).toBeGreaterThan(200_000)
    expect(lines.find(({ message }) => message === 'a document was compacted')?.level).toBe('info')
    expect(log.reads).toEqual(['notes', 'notes']) // by the room, and by the compactor

    client.ask(2, { type: 'open', name: 'notes', resume: null, stateVector: Uint8Array.of(0) })
    const synced = await client.hears(2, 'synced')
    expect(synced.update!.length).toBeLessThan(200_000)
    const newcomer = new Y.Doc()
    Y.applyUpdate(newcomer, synced.update!)
    expect(newcomer.getText().toString()).toBe(doc.getText().toString())

    const { chain } = (await log.kept.read('notes'))!.records.at(-1) ?? (await log.kept.read('notes'))!.start
    expect(synced.chain).toBe(chain)
    client.ask(1, { type: 'update', seq: 14, answer: false, update: typed(doc, 'and on') })
    await client.hears(1, 'ack', 14)
    const { opened } = await resume(client, 3, synced)
    expect(opened.stateVector).toBe(null)
    expect((await client.hears(3, 'synced')).update!.length).toBeLessThan(100)
    expect(await read(url, 'notes')).toBe(doc.getText().toString())
  })

  test('is compacted when all have left, and opens with all that was in it', async () => {
    const clock = new TestClock()
    const { url, log, relay } = await startRelay({ clock, keepHistory: ['notes*'] })
    const y = joinYWebsocket(url, 'notes')
    await until('y to be synced', () => y.provider.synced)
    for (let i = 0; i < 150; i++) {
      y.text.insert(y.text.length, `word ${i} `)
      if (i % 10 === 0) await until('it to be committed', () => relay.stats().updates > i)
    }
    await until('all to be committed', async () => (await read(url, 'notes')) === y.text.toString())
    y.text.insert(0, 'x'.repeat(5_000))
    await until('all to be committed', async () => (await read(url, 'notes')) === y.text.toString())
    y.provider.destroy()
    await until('all to have left', () => relay.stats().sessions === 0)
    expect(relay.stats().compactions).toBe(0)
    clock.pass(5_000)
    await until('the compaction', () => relay.stats().compactions === 1)
    const { basePosition, start } = (await log.kept.read('notes'))!
    expect(basePosition).toBeGreaterThan(0)
    expect((await log.kept.history('notes')).map(({ position }) => position)).toEqual(
      Array.from({ length: start.position }, (_, i) => i + 1),
    )
    expect(await read(url, 'notes')).toBe(y.text.toString())
  })

  test('is compacted when it is found so', async () => {
    const { url, relay } = await startRelay({}, await heavyLog())
    const client = await NativeClient.connect(url)
    client.ask(1, { type: 'open', name: 'notes', resume: null, stateVector: Uint8Array.of(0) })
    await client.hears(1, 'synced')
    await until('the compaction', () => relay.stats().compactions === 1)
    expect(await read(url, 'notes')).toMatch(/^(\d)\1{29999}$/)
  })

  test('does not keep a relay from stopping', async () => {
    const log = await heavyLog()
    const { url, relay } = await startRelay({}, log)
    const client = await NativeClient.connect(url)
    client.ask(1, { type: 'open', name: 'notes', resume: null, stateVector: Uint8Array.of(0) })
    await client.hears(1, 'synced')
    await relay.close()
    expect(log.isClosed).toBe(true)
    expect(relay.stats()).toMatchObject({ compactionFailures: 0, compactionMismatches: 0 })
  })

  test('where its base cannot be written, the log has failed, and nothing is lost', async () => {
    const log = await heavyLog()
    const { url, relay, lines } = await startRelay({ reopen: async () => new TestLog(log.kept) }, log)
    log.commitFault = new Error('ENOSPC: no space left on device')
    const y = joinYWebsocket(url, 'notes')
    await until('the log to fail', () => !relay.ready)
    await until('the relay to be ready again', () => relay.ready)
    await until('y to be back', () => y.provider.synced)
    y.text.insert(0, 'still ')
    await until('it to be there', async () => (await read(url, 'notes')).startsWith('still '))
    await until('the compaction', () => relay.stats().compactions === 1)
    expect(lines.filter(({ level }) => level === 'error').map(({ message }) => message)).toEqual([
      'a write failed: nothing is acknowledged until the log is open again',
    ])
  })
})

/** A log with a document that nobody has compacted. */
async function heavyLog(): Promise<TestLog> {
  const [log, doc] = [new TestLog(), new Y.Doc()]
  let chain = 0
  for (let position = 1; position <= 12; position++) {
    const runs = [{ author: '', update: edited(doc, (text) => paste(text, position)) }]
    chain = chainAfter(chain, runs)
    const record = { position, chain, time: Date.now(), runs }
    await log.kept.commit([{ document: 'notes', epoch: '00c0ffee00c0ffee', record }])
  }
  return log
}

async function resume(client: NativeClient, channel: number, at: { position: number; chain: number }) {
  const { point } = client.on(1, 'opened')[0]!
  const { position, chain } = at
  client.ask(channel, {
    type: 'open',
    name: 'notes',
    resume: { epoch: point.epoch, position, chain },
    stateVector: Uint8Array.of(0),
  })
  return { opened: await client.hears(channel, 'opened') }
}
