import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import { connectHocuspocus as connect } from '../support/hocuspocus.js'
import { until } from '../support/until.js'
import { joinYWebsocket, NativeClient, read, startRelay, TestClock, typed } from './support.js'

describe.each([3, 4] as const)('unmodified Hocuspocus providers of version %i', (version) => {
  test('write one text together, with y-websocket and protocol 1', async () => {
    const { url } = await startRelay()
    const a = connect(url, version).open('notes')
    const b = connect(url, version).open('notes')
    const y = joinYWebsocket(url, 'notes')
    const native = await NativeClient.connect(url)
    const doc = new Y.Doc()
    await native.open(1, 'notes', doc)
    a.text.insert(0, 'hello ')
    await until('b to see it', () => b.text.toString() === 'hello ')
    b.text.insert(6, 'world')
    await until('y-websocket to see it', () => y.text.toString() === 'hello world')
    y.text.insert(0, '> ')
    for (const { text } of [a, b, y]) await until('all to agree', () => text.toString() === '> hello world')
    await until('protocol 1 to hear it', () => {
      for (const { update } of native.on(1, 'update')) Y.applyUpdate(doc, update)
      return doc.getText().toString() === '> hello world'
    })
  })

  test('hasUnsyncedChanges goes when the changes are on disk, and not before', async () => {
    const { url, log } = await startRelay()
    const { provider, text } = connect(url, version).open('notes')
    await until('it to be synced', () => provider.isSynced && !provider.hasUnsyncedChanges)
    log.hold()
    for (const key of 'typed') text.insert(text.length, key)
    expect(provider.unsyncedChanges).toBe(5)
    await until('the commit to begin', () => log.commits > 0)
    expect(provider.unsyncedChanges).toBe(5)
    log.release()
    await until('all of it to be saved', () => !provider.hasUnsyncedChanges)
    expect(await read(url, 'notes')).toBe('typed')
  })

  test('type before the document was read, and are told of every change', async () => {
    const { url, log } = await startRelay()
    log.hold()
    const { socket, open } = connect(url, version)
    const { provider, text } = open('notes')
    await until('the socket to open', () => log.reads.length > 0 && socket.webSocket?.readyState === WebSocket.OPEN)
    for (const key of 'early') text.insert(text.length, key)
    log.release()
    await until('all of it to be saved', () => provider.isSynced && !provider.hasUnsyncedChanges)
    expect(await read(url, 'notes')).toBe('early')
  })

  test('bring what they wrote before, and while they were away', async () => {
    const { url } = await startRelay()
    const doc = new Y.Doc()
    typed(doc, 'long before')
    const { socket, open } = connect(url, version)
    const { provider, text } = open('notes', { document: doc })
    await until('it to be saved', () => provider.isSynced && !provider.hasUnsyncedChanges)
    socket.disconnect()
    await until('it to be away', () => socket.status === 'disconnected')
    text.insert(0, 'offline, ')
    void socket.connect()
    await until('all of it to be saved', () => provider.isSynced && !provider.hasUnsyncedChanges)
    expect(await read(url, 'notes')).toBe('offline, long before')
  })

  test('open 20 documents on one socket, each its own', async () => {
    const { relay, url } = await startRelay()
    const { open } = connect(url, version)
    const opened = Array.from({ length: 20 }, (_, number) => open(`notes/${number}`))
    for (const [number, { text }] of opened.entries()) text.insert(0, `text ${number}`)
    for (const { provider } of opened) await until('all to be saved', () => !provider.hasUnsyncedChanges)
    expect(relay.stats()).toMatchObject({ connections: 1, sessions: 20, rooms: 20 })
    for (const number of [0, 7, 19]) expect(await read(url, `notes/${number}`)).toBe(`text ${number}`)
    opened[3]!.provider.detach()
    await until('one to be closed', () => relay.stats().sessions === 19)
    opened[3]!.text.insert(0, 'apart, ')
    opened[3]!.provider.attach()
    await until('it to be back', () => !opened[3]!.provider.hasUnsyncedChanges)
    expect(await read(url, 'notes/3')).toBe('apart, text 3')
  })

  test.each(['a/b/c', 'Ünïcödé/日本語/🙂', 'with space', '__proto__', 'constructor', 'toString', 'a'.repeat(512)])(
    'open documents by any name: %s',
    async (name) => {
      const { url, log } = await startRelay()
      const { provider, text } = connect(url, version).open(name)
      text.insert(0, 'x')
      await until('it to be saved', () => provider.isSynced && !provider.hasUnsyncedChanges)
      expect((await log.list())[0]?.name).toBe(name)
    },
  )

  test('see who is there, and who has left', async () => {
    const { url } = await startRelay()
    const [first, second] = [connect(url, version), connect(url, version)]
    const [a, b] = [first.open('notes'), second.open('notes')]
    const nameSeen = (of: typeof a, by: typeof a) => by.provider.awareness?.getStates().get(of.doc.clientID)?.name
    a.provider.setAwarenessField('name', 'Ada')
    await until('b to see a', () => nameSeen(a, b) === 'Ada')
    b.provider.setAwarenessField('name', 'Bob')
    await until('a to see b', () => nameSeen(b, a) === 'Bob')
    first.socket.disconnect()
    await until('a to be gone', () => nameSeen(a, b) === undefined)
  })

  test('are refused a name that is none, and go on with the others', async () => {
    const { url } = await startRelay()
    const { open, closes } = connect(url, version)
    const [bad, good] = [open('line\nbreak'), open('notes')]
    good.text.insert(0, 'x')
    await until('it to be refused', () => bad.denials.length > 0)
    expect(bad.denials[0]).toMatch(/^invalid_name: /)
    await until('the other to be saved', () => good.provider.isSynced && !good.provider.hasUnsyncedChanges)
    expect(closes).toEqual([])
  })

  test('an update that is too large closes its document, and is not tried again and again', async () => {
    const { relay, url } = await startRelay({ limits: { updateBytesMax: 2_000 } })
    const { open, closes } = connect(url, version)
    const [large, small] = [open('large'), open('small')]
    await until('both to be synced', () => large.provider.isSynced && small.provider.isSynced)
    large.text.insert(0, 'x'.repeat(3_000))
    await until('it to be closed', () => large.endings.length > 0)
    expect(large.endings[0]).toMatch(/^update_too_large: /)
    small.text.insert(0, 'goes on')
    await until('the other to be saved', () => !small.provider.hasUnsyncedChanges)
    expect(large.provider.hasUnsyncedChanges).toBe(true)
    expect([closes, relay.stats().sessions]).toEqual([[], 1])
  })

  test('are spoken to before they give up on a silent relay', async () => {
    const clock = new TestClock()
    const { url } = await startRelay({ clock })
    const { socket, open } = connect(url, version)
    const { provider } = open('notes', { awareness: null })
    await until('it to be synced', () => provider.isSynced && !provider.hasUnsyncedChanges)
    let heard = 0
    socket.webSocket?.addEventListener('message', () => heard++)
    clock.pass(15_000)
    await until('a sign of life', () => heard > 0)
    expect(provider.isSynced).toBe(true)
  })

  test('may ask to be synced again', async () => {
    const { url } = await startRelay()
    const { provider, text } = connect(url, version).open('notes')
    text.insert(0, 'x')
    await until('it to be saved', () => provider.isSynced && !provider.hasUnsyncedChanges)
    provider.forceSync()
    expect(provider.hasUnsyncedChanges).toBe(true)
    await until('it to be saved again', () => !provider.hasUnsyncedChanges)
  })

  test('what lacks its predecessor is asked for, and counted once', async () => {
    const { url } = await startRelay()
    const doc = new Y.Doc()
    const { provider } = connect(url, version).open('notes', { document: doc })
    await until('it to be synced', () => provider.isSynced && !provider.hasUnsyncedChanges)
    // the first change never leaves this device, as if it had been made beside the provider
    doc.off('update', provider.boundDocumentUpdateHandler)
    doc.getText().insert(0, 'unseen ')
    doc.on('update', provider.boundDocumentUpdateHandler)
    doc.getText().insert(7, 'seen')
    expect(provider.unsyncedChanges).toBe(1)
    await until('all of it to be saved', () => !provider.hasUnsyncedChanges)
    expect(await read(url, 'notes')).toBe('unseen seen')
  })
})

describe('unmodified Hocuspocus providers of version 4', () => {
  test('share one document and one socket by session awareness', async () => {
    const { relay, url } = await startRelay()
    const { open } = connect(url)
    const [a, b] = [open('notes', { sessionAwareness: true }), open('notes', { sessionAwareness: true })]
    a.text.insert(0, 'from a')
    await until('b to see it', () => b.text.toString() === 'from a')
    await until('it to be saved', () => !a.provider.hasUnsyncedChanges && !b.provider.hasUnsyncedChanges)
    expect(relay.stats()).toMatchObject({ connections: 1, sessions: 2, rooms: 1 })
  })

  test('batch what they send, and are told of each batch', async () => {
    const { url } = await startRelay()
    const { provider, text } = connect(url).open('notes', { flushDelay: 20 })
    await until('it to be synced', () => provider.isSynced && !provider.hasUnsyncedChanges)
    for (const key of 'batched') text.insert(text.length, key)
    expect(provider.unsyncedChanges).toBe(1)
    await until('it to be saved', () => !provider.hasUnsyncedChanges)
    expect(await read(url, 'notes')).toBe('batched')
  })

  test('a ping without a document is answered', async () => {
    const { url } = await startRelay()
    const socket = new WebSocket(`${url}/hocuspocus`)
    onTestFinished(() => socket.terminate())
    const heard: number[][] = []
    socket.on('message', (data) => heard.push([...new Uint8Array(data as Buffer)]))
    socket.on('open', () => socket.send(Uint8Array.of(9)))
    await until('the pong', () => heard.length > 0)
    expect(heard).toEqual([[10]])
  })
})
