import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { until } from '../support/until.js'
import { joinYWebsocket, NativeClient, read, startRelay, TestLog, typed } from './support.js'

const nothing = Uint8Array.of(0)
const open = (name: string) => ({ type: 'open', name, resume: null, stateVector: nothing }) as const

describe('a document that is deleted', () => {
  test('ends its sessions for good, and no others; nobody opens it again', async () => {
    const { url, relay } = await startRelay()
    const client = await NativeClient.connect(url)
    const doc = new Y.Doc()
    typed(doc, 'x')
    await client.open(1, 'notes', doc)
    await client.open(2, 'other')
    const y = joinYWebsocket(url, 'notes')
    await until('y to be synced', () => y.provider.synced)
    const point = client.on(1, 'ack')[0]!
    const { epoch } = client.on(1, 'opened')[0]!.point
    expect(await relay.remove('notes')).toBe(true)
    expect(await client.hears(1, 'closed')).toMatchObject({ code: 'document_deleted', retry: false })
    await until('y to be stopped', () => y.isStopped())
    client.ask(1, { ...open('notes'), resume: { epoch, position: point.position, chain: point.chain } })
    expect(await client.hears(1, 'refused')).toMatchObject({ code: 'document_deleted', retry: false })
    client.ask(3, open('notes'))
    expect(await client.hears(3, 'refused')).toMatchObject({ code: 'document_deleted', retry: false })
    const newcomer = joinYWebsocket(url, 'notes')
    await until('a newcomer to be stopped', () => newcomer.isStopped())
    expect(client.on(2, 'closed')).toEqual([])
    client.ask(2, { type: 'update', seq: 2, answer: false, update: typed(new Y.Doc(), 'y') })
    await client.hears(2, 'ack', 2)
    expect(await relay.remove('notes')).toBe(false)
    expect(await relay.remove('nobody has heard of it')).toBe(false)
  })

  test('begins anew on purpose alone, without what those have who knew the old one', async () => {
    const { url, relay } = await startRelay()
    const client = await NativeClient.connect(url)
    const doc = new Y.Doc()
    typed(doc, 'old')
    await client.open(1, 'notes', doc)
    const { epoch } = client.on(1, 'opened')[0]!.point
    const { position, chain } = client.on(1, 'ack')[0]!
    await relay.remove('notes')
    expect(await relay.create('notes')).toBe(true)
    expect(await relay.create('notes')).toBe(false)
    expect(await read(url, 'notes')).toBe('')
    const again = new Y.Doc()
    typed(again, 'new')
    await client.open(2, 'notes', again)
    client.ask(3, { ...open('notes'), resume: { epoch, position, chain } })
    expect(await client.hears(3, 'refused')).toMatchObject({ code: 'document_deleted', retry: false })
    expect(await read(url, 'notes')).toBe('new')
  })

  test('acknowledges what was on its way to the log, or nothing of it; both end with the deletion', async () => {
    const { url, relay, log } = await startRelay()
    const client = await NativeClient.connect(url)
    await client.open(1, 'notes')
    log.hold()
    client.ask(1, { type: 'update', seq: 2, answer: false, update: typed(new Y.Doc(), 'x') })
    await until('the commit to begin', () => log.commits === 1)
    const removed = relay.remove('notes')
    client.ask(2, open('notes'))
    expect(await client.hears(2, 'refused')).toMatchObject({ code: 'document_busy', retry: true })
    await expect(relay.remove('notes')).rejects.toMatchObject({ code: 'document_busy' })
    expect(client.on(1, 'closed')).toEqual([])
    log.release()
    expect(await removed).toBe(true)
    await client.hears(1, 'closed')
    expect(client.on(1, 'ack')).toHaveLength(1)
    expect(relay.stats().rooms).toBe(0)
  })

  test('is there still where the log could not delete it, and its sessions come back', async () => {
    const disk = new TestLog()
    const { url, relay } = await startRelay({ reopen: async () => new TestLog(disk.kept) }, disk)
    const y = joinYWebsocket(url, 'notes')
    await until('y to be synced', () => y.provider.synced)
    y.text.insert(0, 'kept')
    await until('the commit', () => relay.stats().commits === 1)
    const { SynclineError } = await import('@syncline/protocol')
    disk.commitFault = new SynclineError('storage_failed', 'EIO')
    await expect(relay.remove('notes')).rejects.toMatchObject({ code: 'storage_failed' })
    await until('the relay to be ready again', () => relay.ready)
    expect(await read(url, 'notes')).toBe('kept')
    expect(y.isStopped()).toBe(false)
  })
})

test('a document is compacted when the operator wants it', async () => {
  const { url, relay, log } = await startRelay()
  const client = await NativeClient.connect(url)
  const doc = new Y.Doc()
  await client.open(1, 'notes')
  for (let seq = 2; seq < 12; seq++) {
    client.ask(1, { type: 'update', seq, answer: false, update: typed(doc, `${seq} `) })
    await client.hears(1, 'ack', seq)
  }
  await Promise.all([relay.compact('notes'), relay.compact('notes')])
  expect((await log.kept.read('notes'))?.basePosition).toBe(10)
  await relay.compact('notes')
  await relay.compact('there is none')
  expect(relay.stats().compactions).toBe(1)
  expect(await read(url, 'notes')).toBe(doc.getText().toString())
})
