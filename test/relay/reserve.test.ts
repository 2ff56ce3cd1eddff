import { connect } from '@syncline/client'
import type { Disk } from '@syncline/server'
import { expect, onTestFinished, test } from 'vitest'
import * as Y from 'yjs'
import { until } from '../support/until.js'
import { joinYWebsocket, NativeClient, read, startRelay, TestClock, TestLog, typed } from './support.js'

const MiB = 1024 * 1024

/** A disk that is as full as the test says. */
class TestDisk implements Disk {
  freeBytes = 100_000 * MiB
  looks = 0
  reserveBytes?: number

  readonly space = async () => {
    this.looks++
    return { freeBytes: this.freeBytes, totalBytes: 200_000 * MiB }
  }
}

async function startOn(disk: TestDisk) {
  const clock = new TestClock()
  const started = await startRelay({ disk, clock })
  const become = async (freeBytes: number, ready: boolean) => {
    disk.freeBytes = freeBytes
    clock.pass(5_000)
    await until(`ready to be ${ready}`, () => started.relay.ready === ready)
  }
  return { ...started, clock, become }
}

test('edits are taken while the reserve is free, refused below it, and taken again', async () => {
  const disk = new TestDisk()
  const { url, relay, become, lines } = await startOn(disk)
  const client = await NativeClient.connect(url)
  const doc = new Y.Doc()
  typed(doc, 'before ')
  await client.open(1, 'notes', doc)
  await become(200 * MiB, false)
  expect([relay.isReadOnly, relay.ready]).toEqual([true, false])
  // it is there, and is read
  expect(await read(url, 'notes')).toBe('before ')
  client.ask(1, { type: 'update', seq: 2, answer: false, update: typed(doc, 'during ') })
  expect(await client.hears(1, 'closed')).toMatchObject({ code: 'disk_full', retry: true })
  expect(client.on(1, 'ack')).toHaveLength(1)
  // opened again it may read, until there is room
  client.ask(1, { type: 'open', name: 'notes', resume: null, stateVector: Y.encodeStateVector(doc) })
  expect(await client.hears(1, 'opened', 2)).toMatchObject({ access: 'read' })
  await client.hears(1, 'synced', 2)
  await become(270 * MiB, false) // not yet: it would go back and forth
  expect(client.on(1, 'closed')).toHaveLength(1)
  await become(300 * MiB, true)
  expect(await client.hears(1, 'closed', 2)).toMatchObject({ code: 'disk_full', retry: true })
  await client.open(1, 'notes', doc)
  expect(await read(url, 'notes')).toBe('before during ')
  expect(lines.map(({ message }) => message)).toContain('the disk has room again: edits are taken')
})

test('our client stays connected, keeps what is typed meanwhile, and sends it when there is room', async () => {
  const disk = new TestDisk()
  const { url, become } = await startOn(disk)
  const connection = connect(url)
  onTestFinished(() => connection.close())
  const handle = connection.open('notes')
  await handle.synced
  handle.doc.getText().insert(0, 'before ')
  await handle.saved()
  await become(1, false)
  handle.doc.getText().insert(7, 'during ')
  await until('it to be back, for reading', () => handle.status.access === 'read' && handle.status.synced)
  handle.doc.getText().insert(0, 'more ')
  expect(handle.status).toMatchObject({ connection: 'online', pending: 2, saved: false, error: null })
  await become(400 * MiB, true)
  await handle.saved()
  expect(handle.status.access).toBe('write')
  expect(await read(url, 'notes')).toBe('more before during ')
})

test('y-websocket reads on, comes back until its edit is taken, and is never stopped', async () => {
  const disk = new TestDisk()
  const { url, become } = await startOn(disk)
  const [quiet, busy] = [joinYWebsocket(url, 'notes'), joinYWebsocket(url, 'notes')]
  await until('both to be synced', () => quiet.provider.synced && busy.provider.synced)
  await become(1, false)
  busy.text.insert(0, 'kept')
  await until('it to be closed', () => busy.closes.length > 0)
  expect(busy.closes[0]).toMatchObject({ code: 4507, reason: expect.stringMatching(/^disk_full/) })
  const late = joinYWebsocket(url, 'notes')
  await until('a newcomer to read', () => late.provider.synced)
  await become(400 * MiB, true)
  await until('the edit to be seen', () => quiet.text.toString() === 'kept')
  expect([busy.isStopped(), quiet.closes, late.closes]).toEqual([false, [], []])
})

test('a relay on a full disk starts read-only, and a document that is loaded meanwhile is read-only too', async () => {
  const disk = new TestDisk()
  disk.freeBytes = 5
  disk.reserveBytes = 10
  const { url, relay, become } = await startOn(disk)
  await until('it to notice', () => relay.isReadOnly)
  const client = await NativeClient.connect(url)
  client.ask(1, { type: 'open', name: 'new', resume: null, stateVector: Uint8Array.of(0) })
  expect(await client.hears(1, 'opened')).toMatchObject({ access: 'read' })
  await become(1_000, true)
  await client.hears(1, 'closed')
})

test('it is looked at often when it gets tight', async () => {
  const disk = new TestDisk()
  const { clock } = await startOn(disk)
  await until('a first look', () => disk.looks === 1)
  clock.pass(4_999)
  expect(disk.looks).toBe(1)
  disk.freeBytes = 1_000 * MiB
  clock.pass(1)
  await until('many looks', () => disk.looks > 5) // of a real quarter of a second
})

test('a disk that tells nothing stops nobody', async () => {
  const space = () => Promise.reject(new Error('ENOSYS'))
  const log = new TestLog()
  const { url, relay, lines } = await startRelay({ disk: { space } }, log)
  const client = await NativeClient.connect(url)
  await client.open(1, 'notes')
  expect([relay.ready, relay.isReadOnly]).toEqual([true, false])
  expect(lines.some(({ message }) => message.includes('cannot be told'))).toBe(true)
})
