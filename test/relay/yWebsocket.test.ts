import { describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import { until } from '../support/until.js'
import { joinYWebsocket, NativeClient, read, startRelay, TestClock, typed } from './support.js'

describe('unmodified y-websocket clients', () => {
  test('write one text together, and a newcomer reads it', async () => {
    const { url } = await startRelay()
    const [a, b] = [joinYWebsocket(url, 'notes'), joinYWebsocket(url, 'notes')]
    a.text.insert(0, 'hello ')
    await until('b to see it', () => b.text.toString() === 'hello ')
    b.text.insert(6, 'world')
    a.text.insert(0, '> ')
    await until('both to agree', () => a.text.toString() === '> hello world' && b.text.toString() === '> hello world')
    expect(await read(url, 'notes')).toBe('> hello world')
  })

  test('write together with a client of protocol 1', async () => {
    const { url } = await startRelay()
    const y = joinYWebsocket(url, 'notes')
    const native = await NativeClient.connect(url)
    const doc = new Y.Doc()
    typed(doc, 'from protocol 1')
    await native.open(1, 'notes', doc)
    await until('y-websocket to see it', () => y.text.toString() === 'from protocol 1')
    y.text.insert(0, 'y: ')
    Y.applyUpdate(doc, (await native.hears(1, 'update')).update)
    expect(doc.getText().toString()).toBe('y: from protocol 1')
  })

  test('bring what they wrote before they were connected, and while they were not', async () => {
    const { url } = await startRelay()
    const doc = new Y.Doc()
    typed(doc, 'long before')
    const a = joinYWebsocket(url, 'notes', doc)
    await until('a to be synced', () => a.provider.synced)
    const b = joinYWebsocket(url, 'notes')
    await until('b to read it', () => b.text.toString() === 'long before')
    a.provider.disconnect()
    a.text.insert(0, 'offline, ')
    b.text.insert(b.text.length, ', meanwhile')
    a.provider.connect()
    const whole = 'offline, long before, meanwhile'
    await until('both to agree', () => a.text.toString() === whole && b.text.toString() === whole)
    expect(await read(url, 'notes')).toBe(whole)
  })

  test('may type before the relay has answered: nothing of it is lost', async () => {
    const { url, log } = await startRelay()
    log.hold()
    const a = joinYWebsocket(url, 'notes')
    await until('the socket to open', () => a.provider.wsconnected)
    for (const key of 'typed while the document is read') a.text.insert(a.text.length, key)
    log.release()
    await until('a to be synced', () => a.provider.synced)
    await until('the relay to have it', async () => (await read(url, 'notes')) === 'typed while the document is read')
    expect(a.closes).toEqual([])
  })

  test('are told of their own updates after the commit, and of nothing before', async () => {
    const { url, log } = await startRelay()
    const [a, b] = [joinYWebsocket(url, 'notes'), joinYWebsocket(url, 'notes')]
    await until('both to be synced', () => a.provider.synced && b.provider.synced)
    const echoes: Uint8Array[] = []
    a.provider.ws?.addEventListener('message', ({ data }) => {
      const frame = new Uint8Array(data as ArrayBuffer)
      if (frame[0] === 0 && frame[1] === 2) echoes.push(frame)
    })
    log.hold()
    const { commits } = log
    a.text.insert(0, 'x')
    await until('the commit to begin', () => log.commits > commits)
    expect([echoes.length, b.text.toString()]).toEqual([0, ''])
    log.release()
    await until('the echo', () => echoes.length === 1)
    await until('b to see it', () => b.text.toString() === 'x')
  })

  test.each(['a/b/c', 'Ünïcödé/日本語/🙂', 'with space', '__proto__', 'constructor', 'semi;colon,comma=equals&amp'])(
    'open documents by any name: %s',
    async (name) => {
      const { url, log } = await startRelay()
      const a = joinYWebsocket(url, name)
      a.text.insert(0, 'x')
      await until('the document to be stored', async () => (await log.list()).length === 1)
      expect((await log.list())[0]?.name).toBe(name)
      expect(await read(url, name)).toBe('x')
    },
  )

  test('see who is there, and who has left', async () => {
    const { url } = await startRelay()
    const [a, b] = [joinYWebsocket(url, 'notes'), joinYWebsocket(url, 'notes')]
    const statesOf = (client: typeof a) => client.provider.awareness.getStates()
    a.provider.awareness.setLocalStateField('name', 'Ada')
    await until('b to see a', () => statesOf(b).get(a.doc.clientID)?.name === 'Ada')
    b.provider.awareness.setLocalStateField('name', 'Bob')
    await until('a to see b', () => statesOf(a).get(b.doc.clientID)?.name === 'Bob')
    a.provider.ws?.close()
    a.provider.shouldConnect = false
    await until('a to be gone', () => !statesOf(b).has(a.doc.clientID))
    a.provider.connect()
    // with its old clock nobody would believe it: y-websocket renews that every 15 s, or when the cursor moves
    a.provider.awareness.setLocalStateField('cursor', 7)
    await until('a to be back', () => statesOf(b).get(a.doc.clientID)?.name === 'Ada')
  })

  test('may ask again for what they lack', async () => {
    const { url } = await startRelay()
    const a = joinYWebsocket(url, 'notes')
    await until('a to be synced', () => a.provider.synced)
    const step2s: unknown[] = []
    a.provider.ws?.addEventListener('message', ({ data }) => {
      const frame = new Uint8Array(data as ArrayBuffer)
      if (frame[0] === 0 && frame[1] === 1) step2s.push(frame)
    })
    for (let i = 0; i < 3; i++) a.provider.ws?.send(Uint8Array.of(0, 0, 1, 0))
    await until('three answers', () => step2s.length === 3)
    a.text.insert(0, 'still here')
    await until('the relay to have it', async () => (await read(url, 'notes')) === 'still here')
    expect(a.closes).toEqual([])
  })

  test('are asked for all they have where an update refers to what the log lacks', async () => {
    const { url, relay } = await startRelay()
    const a = joinYWebsocket(url, 'notes')
    await until('a to be synced', () => a.provider.synced)
    const other = new Y.Doc()
    typed(other, 'lost')
    const second = typed(other, ' and found')
    Y.applyUpdate(a.doc, Y.encodeStateAsUpdate(other), a.provider) // without telling the relay
    a.provider.ws?.send(Uint8Array.from([0, 2, second.length, ...second]))
    await until('the relay to have all of it', async () => (await read(url, 'notes')) === 'lost and found')
    expect(relay.stats().resyncs).toBe(1)
    expect(a.closes).toEqual([])
  })
})

describe('a y-websocket client that misbehaves', () => {
  test.each([
    ['a truncated message', Uint8Array.of(0, 2, 200, 1)],
    ['an unknown sync message', Uint8Array.of(0, 3, 0)],
    ['bytes after the message', Uint8Array.of(0, 0, 1, 0, 0)],
    ['a malformed update', Uint8Array.of(0, 1, 7, 1, 1, 2, 0, 0, 0, 0)],
    ['malformed awareness', Uint8Array.of(1, 2, 1, 1)],
  ])('is stopped for %s, and harms nobody', async (_, frame) => {
    const { url } = await startRelay()
    const [good, bad] = [joinYWebsocket(url, 'notes'), joinYWebsocket(url, 'notes')]
    await until('both to be synced', () => good.provider.synced && bad.provider.synced)
    bad.provider.ws?.send(frame)
    await until('it to be stopped', () => bad.isStopped())
    expect(bad.closes[0]?.code).toBe(4400)
    expect(bad.closes[0]?.reason).toMatch(/^malformed_/)
    good.text.insert(0, 'undisturbed')
    expect(good.closes).toEqual([])
    await until('the relay to have it', async () => (await read(url, 'notes')) === 'undisturbed')
  })

  test('is stopped for a text frame', async () => {
    const { url } = await startRelay()
    const a = joinYWebsocket(url, 'notes')
    await until('a to be synced', () => a.provider.synced)
    ;(a.provider.ws as unknown as WebSocket).send('hello')
    await until('it to be stopped', () => a.isStopped())
    expect(a.closes[0]?.code).toBe(4400)
  })

  test('is stopped for a message that is too large, instead of coming back with it for ever', async () => {
    const { url } = await startRelay({ limits: { updateBytesMax: 10_000 } })
    const doc = new Y.Doc()
    typed(doc, 'x'.repeat(11_000))
    const a = joinYWebsocket(url, 'notes', doc)
    await until('it to be stopped', () => a.isStopped())
    expect(a.closes).toEqual([{ code: 4413, reason: expect.anything() }])
  })

  test('may send messages that only its application knows', async () => {
    const { url } = await startRelay()
    const a = joinYWebsocket(url, 'notes')
    await until('a to be synced', () => a.provider.synced)
    a.provider.ws?.send(Uint8Array.of(3))
    a.provider.ws?.send(Uint8Array.of(100, 1, 2, 3))
    a.text.insert(0, 'x')
    await until('the relay to have it', async () => (await read(url, 'notes')) === 'x')
    expect(a.closes).toEqual([])
  })
})

describe('a y-websocket client that does not read', () => {
  test('is closed after 30 s in which it took nothing, with a code after which it comes back', async () => {
    const clock = new TestClock()
    const { url, relay } = await startRelay({ clock, limits: { socketBytesHigh: 64 * 1024 } })
    const [slow, writer] = [joinYWebsocket(url, 'notes'), await NativeClient.connect(url)]
    await until('it to be synced', () => slow.provider.synced)
    const doc = new Y.Doc()
    await writer.open(1, 'notes', doc)
    const socket = slow.provider.ws as unknown as WebSocket
    socket.pause()
    for (let seq = 2; seq < 100; seq++) {
      writer.ask(1, { type: 'update', seq, answer: false, update: typed(doc, 'x'.repeat(200_000)) })
      await writer.hears(1, 'ack', seq)
    }
    for (let seconds = 0; seconds <= 35; seconds += 5) {
      const pongs = writer.heard.length
      writer.say({ type: 'ping' })
      await new Promise((sent) => socket.ping('', true, sent))
      await until('the writer to be answered', () => writer.heard.length > pongs)
      clock.pass(5_000)
    }
    expect(relay.stats().slowReaders).toBe(1)
    socket.resume()
    await until('it to be told', () => slow.closes.length === 1)
    expect(slow.closes[0]).toMatchObject({ code: 4508, reason: expect.stringMatching(/^slow_reader/) })
    await until('it to be back with all of it', () => slow.text.length === doc.getText().length)
  })
})

describe('a quiet y-websocket client', () => {
  test('hears something every 15 s, since it gives up after 30', async () => {
    const clock = new TestClock()
    const { url } = await startRelay({ clock })
    const frames: number[][] = []
    const socket = new WebSocket(`${url}/y/notes`)
    socket.on('message', (data) => frames.push([...(data as Buffer)]))
    await until('step 1 of the relay', () => frames.length === 1)
    expect(frames).toEqual([[0, 0, 1, 0]])
    clock.pass(15_000)
    await until('the keep-alive', () => frames.length === 2)
    expect(frames[1]).toEqual([1, 1, 0])
    socket.terminate()
  })
})
