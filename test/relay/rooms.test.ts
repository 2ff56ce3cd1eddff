import { SynclineError } from '@syncline/protocol'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { until } from '../support/until.js'
import { joinYWebsocket, NativeClient, read, startRelay, TestClock, TestLog, typed } from './support.js'

describe('a room', () => {
  test('reads the log once, whoever joins meanwhile', async () => {
    const { url, log, relay } = await startRelay()
    log.hold()
    const client = await NativeClient.connect(url)
    for (const channel of [1, 2, 3]) {
      client.ask(channel, { type: 'open', name: 'notes', resume: null, stateVector: Uint8Array.of(0) })
    }
    client.ask(2, { type: 'close' })
    await until('all to wait', () => relay.stats().sessions === 2)
    log.release()
    for (const channel of [1, 3]) await client.hears(channel, 'synced')
    expect(client.on(2, 'opened')).toHaveLength(0)
    expect(log.reads).toEqual(['notes'])
  })

  test('is forgotten some seconds after the last session has left, and read again', async () => {
    const clock = new TestClock()
    const { url, log, relay } = await startRelay({ clock })
    const client = await NativeClient.connect(url)
    const doc = new Y.Doc()
    typed(doc, 'x')
    await client.open(1, 'notes', doc)
    client.ask(1, { type: 'close' })
    await until('the session to end', () => relay.stats().sessions === 0)
    clock.pass(4_999)
    expect(relay.stats().rooms).toBe(1)
    await client.open(1, 'notes')
    clock.pass(4_999)
    client.socket.terminate()
    await until('the session to end again', () => relay.stats().sessions === 0)
    expect(relay.stats().rooms).toBe(1)
    clock.pass(5_000)
    expect(relay.stats().rooms).toBe(0)
    expect(log.reads).toEqual(['notes'])
    expect(await read(url, 'notes')).toBe('x')
    expect(log.reads).toEqual(['notes', 'notes'])
  })

  test('is not forgotten while something of it is on its way to the log', async () => {
    const clock = new TestClock()
    const { url, log, relay } = await startRelay({ clock })
    const client = await NativeClient.connect(url)
    await client.open(1, 'notes')
    log.hold()
    client.ask(1, { type: 'update', seq: 2, answer: false, update: typed(new Y.Doc(), 'x') }, { type: 'close' })
    await until('the session to end', () => relay.stats().sessions === 0)
    clock.pass(60_000)
    expect(relay.stats().rooms).toBe(1)
    log.release()
    await until('the commit', () => relay.stats().commits === 1)
    clock.pass(5_000)
    expect(relay.stats().rooms).toBe(0)
    expect(await read(url, 'notes')).toBe('x')
  })

  test('of a damaged document refuses its sessions; all others live, and it is tried again', async () => {
    const { url, log, relay } = await startRelay()
    const client = await NativeClient.connect(url)
    log.readFault = new SynclineError('document_damaged', 'Record 7 has another checksum')
    client.ask(1, { type: 'open', name: 'damaged', resume: null, stateVector: Uint8Array.of(0) })
    expect(await client.hears(1, 'refused')).toMatchObject({ code: 'document_damaged', retry: false })
    const y = joinYWebsocket(url, 'damaged')
    await until('y to be stopped', () => y.isStopped())
    expect(y.closes[0]).toMatchObject({ code: 4400, reason: expect.stringMatching(/^document_damaged/) })
    log.readFault = null
    await client.open(2, 'other')
    await client.open(1, 'damaged')
    expect(relay.ready).toBe(true)
  })
})

describe('a log that fails', () => {
  test('to read may succeed later', async () => {
    const { url, log } = await startRelay()
    const client = await NativeClient.connect(url)
    log.readFault = new Error('connect ECONNREFUSED')
    client.ask(1, { type: 'open', name: 'notes', resume: null, stateVector: Uint8Array.of(0) })
    expect(await client.hears(1, 'refused')).toMatchObject({ code: 'storage_failed', retry: true })
    log.readFault = null
    await client.open(1, 'notes')
  })

  test('acknowledges nothing; the relay opens it again, and clients come back with what they have', async () => {
    const disk = new TestLog()
    const reopened: TestLog[] = []
    let faults = 1
    const reopen = async () => {
      if (faults-- > 0) throw new SynclineError('storage_failed', 'The disk is still full')
      const log = new TestLog(disk.kept)
      reopened.push(log)
      return log
    }
    const { url, relay, lines } = await startRelay({ reopen }, disk)
    const client = await NativeClient.connect(url)
    await client.open(1, 'notes')
    await client.open(2, 'other')
    const y = joinYWebsocket(url, 'notes')
    await until('y to be synced', () => y.provider.synced)
    disk.commitFault = new Error('ENOSPC: no space left on device')
    y.text.insert(0, 'not lost')
    for (const channel of [1, 2]) {
      expect(await client.hears(channel, 'closed')).toMatchObject({ code: 'storage_failed', retry: true })
    }
    expect(client.on(1, 'update')).toHaveLength(0)
    expect(relay.ready).toBe(false)
    expect(relay.stats()).toMatchObject({ rooms: 0, commits: 0 })
    client.ask(3, { type: 'open', name: 'third', resume: null, stateVector: Uint8Array.of(0) })
    expect(await client.hears(3, 'refused')).toMatchObject({ code: 'storage_failed', retry: true })

    await until('the relay to be ready again', () => relay.ready)
    await until('y to be back', () => y.provider.synced && relay.stats().commits === 1)
    expect(y.isStopped()).toBe(false)
    expect(y.closes[0]?.code).toBe(4503)
    expect(await read(url, 'notes')).toBe('not lost')
    expect(disk.isClosed).toBe(true)
    expect(reopened).toHaveLength(1)
    expect(lines.filter(({ level }) => level === 'error').map(({ message }) => message)).toEqual([
      'a write failed: nothing is acknowledged until the log is open again',
      'the log could not be reopened',
    ])
  })

  test('leaves a relay that cannot open it again refusing, and it can still be stopped', async () => {
    const { url, relay, log } = await startRelay()
    const client = await NativeClient.connect(url)
    await client.open(1, 'notes')
    log.commitFault = new Error('EIO')
    client.ask(1, { type: 'update', seq: 2, answer: false, update: typed(new Y.Doc(), 'x') })
    await client.hears(1, 'closed')
    expect(client.on(1, 'ack')).toHaveLength(1)
    expect(relay.ready).toBe(false)
    await relay.close()
    expect((await client.isClosed()).code).toBe(1001)
  })

  test('a document is read anew where a commit of it failed: nothing of it is believed', async () => {
    const disk = new TestLog()
    const { url, relay } = await startRelay({ reopen: async () => new TestLog(disk.kept) }, disk)
    const client = await NativeClient.connect(url)
    await client.open(1, 'notes')
    const doc = new Y.Doc()
    const update = typed(doc, 'x')
    disk.commitFault = new Error('EIO')
    client.ask(1, { type: 'update', seq: 2, answer: false, update })
    await client.hears(1, 'closed')
    await until('the relay to be ready again', () => relay.ready)
    await client.open(1, 'notes', doc) // the same update again: it is new to the log
    expect((await disk.kept.list())[0]).toMatchObject({ name: 'notes', position: 1 })
  })
})
