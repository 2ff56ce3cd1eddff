import { SynclineError } from '@syncline/protocol'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { connectHocuspocus } from '../support/hocuspocus.js'
import { until } from '../support/until.js'
import { joinYWebsocket, NativeClient, read, startRelay, TestClock, TestLog, typed } from './support.js'

const KiB = 1024
const backlogBytesHigh = 128 * KiB
const updateBytes = 8 * KiB
// what one read of a socket may bring beyond the mark
const readBytes = 64 * KiB
const floodUpdates = 200

/** Somebody who sends far more than may wait, whether it is acknowledged or not. */
class Flooder {
  readonly doc = new Y.Doc()
  readonly name: string
  readonly client: NativeClient

  private constructor(client: NativeClient, name: string) {
    this.client = client
    this.name = name
  }

  static async join(url: string, name: string): Promise<Flooder> {
    const flooder = new Flooder(await NativeClient.connect(url), name)
    flooder.doc.getText().insert(0, 'What was there before. ')
    await flooder.client.open(1, name, flooder.doc)
    return flooder
  }

  flood(): void {
    for (let i = 0; i < floodUpdates; i++) {
      const update = typed(this.doc, String(i % 10).repeat(updateBytes))
      this.client.ask(1, { type: 'update', seq: i + 2, answer: false, update })
    }
  }

  async isSaved(): Promise<void> {
    await until(`all of ${this.name} to be acknowledged`, () =>
      this.client.on(1, 'ack').some(({ seq }) => seq === floodUpdates + 1),
    )
  }

  get pongs(): number {
    return this.client.heard.filter(({ type }) => type === 'pong').length
  }
}

/** A relay whose disk has stalled, and two whose updates it does not read any more. */
async function stalled() {
  const [clock, log] = [new TestClock(), new TestLog()]
  const world = await startRelay({ clock, limits: { backlogBytesHigh } }, log)
  const flooders = [await Flooder.join(world.url, 'a'), await Flooder.join(world.url, 'b')] as const
  log.hold()
  for (const flooder of flooders) flooder.flood()
  await until('both to be held', () => world.relay.stats().holds === 2, { seen: () => world.relay.stats() })
  return { ...world, clock, flooders }
}

describe('while the disk does not keep up', () => {
  test('who brings more is not read, and what waits is bounded; then all of it is saved', async () => {
    const { relay, log, flooders, url } = await stalled()
    const isBounded = () => relay.stats().backlogBytes < backlogBytesHigh + 2 * (readBytes + updateBytes)
    // whoever brings nothing is heard
    const other = await NativeClient.connect(url)
    for (let i = 1; i <= 20; i++) {
      other.say({ type: 'ping' })
      await until('an answer', () => other.heard.filter(({ type }) => type === 'pong').length === i)
      expect(isBounded()).toBe(true)
    }
    expect(relay.stats().backlogBytes).toBeGreaterThan(backlogBytesHigh)
    log.release()
    for (const flooder of flooders) await flooder.isSaved()
    expect(relay.stats().backlogBytes).toBe(0)
    for (const { name, doc } of flooders) expect(await read(url, name)).toBe(doc.getText().toString())
  })

  test('y-websocket is told something, takes nobody for gone, and neither does the relay', async () => {
    const [clock, log] = [new TestClock(), new TestLog()]
    const { relay, url } = await startRelay({ clock, limits: { backlogBytesHigh } }, log)
    const { provider, text, closes } = joinYWebsocket(url, 'notes')
    await until('it to be synced', () => provider.synced)
    log.hold()
    for (let i = 0; i < 2 * floodUpdates; i++) text.insert(0, 'y'.repeat(updateBytes))
    await until('it to be held', () => relay.stats().holds === 1)
    let heard = 0
    provider.ws!.addEventListener('message', () => heard++)
    for (let beat = 1; beat <= 60; beat++) {
      clock.pass(2_000)
      await until('a sign of life', () => heard >= beat)
    }
    expect(relay.stats()).toMatchObject({ connections: 1, sessions: 1 })
    log.release()
    await until(
      'all to be read and saved',
      () => relay.stats().updates > 2 * floodUpdates && !relay.stats().backlogBytes,
    )
    expect(closes).toEqual([])
    expect(await read(url, 'notes')).toBe(text.toString())
  })

  test('a Hocuspocus provider is told something, too', async () => {
    const [clock, log] = [new TestClock(), new TestLog()]
    const { relay, url } = await startRelay({ clock, limits: { backlogBytesHigh } }, log)
    const { socket, open, closes } = connectHocuspocus(url)
    const { provider, text } = open('notes')
    await until('it to be synced', () => provider.synced)
    log.hold()
    for (let i = 0; i < 2 * floodUpdates; i++) text.insert(0, 'h'.repeat(updateBytes))
    await until('it to be held', () => relay.stats().holds === 1)
    let heard = 0
    ;(socket.webSocket as unknown as WebSocket).addEventListener('message', () => heard++)
    for (let beat = 1; beat <= 30; beat++) {
      clock.pass(2_000)
      await until('a sign of life', () => heard >= beat)
    }
    expect(relay.stats()).toMatchObject({ connections: 1, sessions: 1 })
    log.release()
    await until(
      'all to be read and saved',
      () => relay.stats().updates > 2 * floodUpdates && !relay.stats().backlogBytes,
    )
    expect(closes).toEqual([])
    expect(await read(url, 'notes')).toBe(text.toString())
  })

  test('a client of ours that is held hears from the relay every 2 s, and is asked nothing', async () => {
    const { relay, log, clock, flooders } = await stalled()
    const [{ client }] = flooders
    const asked = client.heard.filter(({ type }) => type === 'ping').length
    for (let beat = 1; beat <= 30; beat++) {
      clock.pass(2_000)
      await until('a sign of life', () => flooders[0].pongs === beat)
    }
    expect(client.heard.filter(({ type }) => type === 'ping').length).toBe(asked)
    expect(relay.stats().connections).toBe(2)
    log.release()
    for (const flooder of flooders) await flooder.isSaved()
  })

  test('a log that fails lets them go: they are told, and heard again', async () => {
    const { log, relay, flooders } = await stalled()
    log.commitFault = new SynclineError('storage_failed')
    log.release()
    for (const { client } of flooders) {
      expect(await client.hears(1, 'closed')).toMatchObject({ code: 'storage_failed', retry: true })
      client.say({ type: 'ping' })
      await until('an answer', () => client.heard.some(({ type }) => type === 'pong'))
    }
    await until('nothing to wait', () => relay.stats().backlogBytes === 0)
  })

  test('one that is gone meanwhile is forgotten', async () => {
    const { log, relay, flooders } = await stalled()
    flooders[0].client.socket.terminate()
    log.release()
    await flooders[1].isSaved()
    await until('it to be gone', () => relay.stats().connections === 1)
    expect(relay.stats()).toMatchObject({ backlogBytes: 0, sessions: 1 })
  })

  test('a document that is deleted takes what waits with it', async () => {
    const { log, relay, flooders } = await stalled()
    const removed = [relay.remove('a'), relay.remove('b')]
    log.release()
    expect(await Promise.all(removed)).toEqual([true, true])
    for (const { client } of flooders) {
      expect((await client.hears(1, 'closed')).code).toBe('document_deleted')
      client.say({ type: 'ping' })
      await until('an answer', () => client.heard.some(({ type }) => type === 'pong'))
    }
    expect(relay.stats().backlogBytes).toBe(0)
  })

  test('a relay that stops commits what waits, tells so, and ends', async () => {
    const { log, relay, flooders } = await stalled()
    const closed = relay.close()
    log.release()
    await closed
    for (const { client, name, doc } of flooders) {
      expect(await client.isClosed()).toMatchObject({ code: 1001 })
      const acknowledged = client.on(1, 'ack').at(-1)!.seq - 1
      expect(acknowledged).toBeGreaterThan(0)
      const stored = new Y.Doc()
      for (const { runs } of (await log.kept.read(name))!.records) {
        for (const { update } of runs) Y.applyUpdate(stored, update)
      }
      const text = stored.getText().toString()
      expect(text.length).toBeGreaterThanOrEqual(acknowledged * updateBytes)
      expect(doc.getText().toString().startsWith(text)).toBe(true)
    }
  })

  test('small updates count with what they take of memory', async () => {
    const log = new TestLog()
    const { relay, url } = await startRelay({ limits: { backlogBytesHigh } }, log)
    const [client, doc] = [await NativeClient.connect(url), new Y.Doc()]
    await client.open(1, 'notes', doc)
    log.hold()
    for (let i = 0; i < 10_000; i++) {
      client.ask(1, { type: 'update', seq: i + 2, answer: false, update: typed(doc, 'x') })
    }
    await until('it to be held', () => relay.stats().holds === 1, { seen: () => relay.stats() })
    expect(relay.stats().updates).toBeLessThan(5_000)
    log.release()
    await until('all to be acknowledged', () => client.on(1, 'ack').at(-1)?.seq === 10_001)
  })
})
