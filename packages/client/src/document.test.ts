import { encodeRelayMessage } from '@syncline/protocol'
import { afterEach, beforeEach, describe, expect, it, type MockInstance, vi } from 'vitest'
import { Awareness, applyAwarenessUpdate, encodeAwarenessUpdate, removeAwarenessStates } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { docWith, onChannel, point, turn, world } from './testing/fakes.js'
import type { DocumentHandle, DocumentStatus } from './types.js'

let reported: MockInstance

beforeEach(() => {
  reported = vi.spyOn(console, 'error').mockImplementation(() => undefined)
})

afterEach(() => {
  reported.mockRestore()
})

/** One document, synced with a relay that had this content. */
async function synced(content: Y.Doc = new Y.Doc()) {
  const here = world()
  await here.socket.welcome()
  const handle = here.connection.open('x')
  await turn()
  await here.socket.syncs('x', content)
  await here.socket.acknowledges('x')
  return { ...here, handle, text: handle.doc.getText('text') }
}

function statuses(handle: DocumentHandle): DocumentStatus[] {
  const seen: DocumentStatus[] = []
  handle.on('status', (status) => seen.push(status))
  return seen
}

function updates(socket: Awaited<ReturnType<typeof synced>>['socket']) {
  return socket.requests('update').filter(({ message }) => !message.answer)
}

async function remoteUpdate(socket: Awaited<ReturnType<typeof synced>>['socket'], ...docs: Y.Doc[]) {
  await socket.says(
    ...docs.map((doc, i) =>
      onChannel(1, { type: 'update', position: 2 + i, chain: 2 + i, update: Y.encodeStateAsUpdate(doc) }),
    ),
  )
}

describe('edits', () => {
  it('of one turn leave as one message, and are pending from the first on', async () => {
    const { socket, handle, text } = await synced()
    for (const [i, letter] of [...'abc'].entries()) {
      text.insert(i, letter)
      expect(handle.status).toMatchObject({ pending: i + 1, saved: false })
    }
    expect(updates(socket)).toHaveLength(0)
    await turn()
    expect(updates(socket)).toHaveLength(1)
    const other = new Y.Doc()
    Y.applyUpdate(other, updates(socket)[0]!.message.update)
    expect(other.getText('text').toString()).toBe('abc')
    await socket.acknowledges('x')
    expect(handle.status).toMatchObject({ pending: 0, saved: true })
  })

  it('before the first connect are sent with it', async () => {
    const { connection, socket } = world()
    const handle = connection.open('x')
    handle.doc.getText('text').insert(0, 'early')
    expect(handle.status).toMatchObject({ connection: 'connecting', pending: 1 })
    await socket.welcome()
    expect(socket.requests('update')).toHaveLength(0)
    await socket.syncs('x', docWith('there, '))
    const other = docWith('')
    Y.applyUpdate(other, socket.requests('update')[0]!.message.update)
    expect(other.getText('text').toString()).toBe('early')
    await socket.acknowledges('x')
    expect(handle.status.pending).toBe(0)
  })

  it('that are remote do not come back', async () => {
    const { socket, handle, text } = await synced(docWith('there'))
    await remoteUpdate(socket, docWith(', more'))
    expect(text.toString()).toContain('more')
    expect(handle.status.pending).toBe(0)
    expect(updates(socket)).toHaveLength(0)
  })

  it('that an observer makes when it sees a remote one are local, also under its origin', async () => {
    const { socket, handle, text } = await synced()
    text.observe(({ transaction }) => {
      if (transaction.local) return
      handle.doc.transact(() => text.delete(0, 1), transaction.origin)
    })
    await remoteUpdate(socket, docWith('remote'))
    expect(updates(socket)).toHaveLength(1)
    expect(handle.status.pending).toBe(1)
  })

  it('that are made inside a remote transaction are sent too', async () => {
    const { socket, handle } = await synced()
    handle.doc.once('beforeTransaction', () => handle.doc.getMap('seen').set('by', 'me'))
    const { clientID } = handle.doc
    await remoteUpdate(socket, docWith('remote'))
    expect(updates(socket)).toHaveLength(1)
    const other = new Y.Doc()
    Y.applyUpdate(other, updates(socket)[0]!.message.update)
    expect(other.getMap('seen').get('by')).toBe('me')
    // Yjs takes another client id then: the cursor has to follow, or this editor shows its own as somebody else's
    expect(handle.doc.clientID).not.toBe(clientID)
    expect(handle.awareness.clientID).toBe(handle.doc.clientID)
    expect(handle.awareness.getStates().has(clientID)).toBe(false)
    // from a stranger whose clock is 0, y-protocols takes nothing
    expect(handle.awareness.meta.get(handle.doc.clientID)!.clock).toBeGreaterThan(0)
  })

  it('by another provider count as pending', async () => {
    const { handle } = await synced()
    Y.applyUpdate(handle.doc, Y.encodeStateAsUpdate(docWith('from a disk')), 'some other provider')
    expect(handle.status.pending).toBe(1)
  })

  it('that came are not encoded once more, and those that are made next are told', async () => {
    const { socket, handle, text } = await synced()
    const encoded: boolean[] = []
    handle.doc.on('afterTransactionCleanup', () => encoded.push(handle.doc._observers.has('update')))
    await remoteUpdate(socket, docWith('remote'))
    expect(encoded).toEqual([false])
    text.insert(0, 'a')
    expect(handle.status.pending).toBe(1)
    const told: unknown[] = []
    handle.doc.on('update', (_update, origin) => told.push(origin))
    await remoteUpdate(socket, docWith('for whoever listens'))
    expect(told).toHaveLength(1)
    expect(handle.status.pending).toBe(1)
  })

  it('that arrive together are applied together', async () => {
    const { socket, handle, text } = await synced()
    let transactions = 0
    handle.doc.on('afterTransaction', () => transactions++)
    await remoteUpdate(socket, docWith('a'), docWith('b'), docWith('c'))
    expect([...text.toString()].sort().join('')).toBe('abc')
    expect(transactions).toBe(1)
  })

  it('that arrived in the frame that ended the session are not lost', async () => {
    const { socket, text, clock, sockets } = await synced()
    const update = Y.encodeStateAsUpdate(docWith('in'))
    await socket.says(
      onChannel(1, { type: 'update', position: 2, chain: 2, update }),
      onChannel(1, { type: 'closed', code: 'storage_failed', reason: '', retry: true }),
    )
    expect(text.toString()).toBe('in')
    expect(sockets).toHaveLength(1)
    await clock.pass(100)
    expect(socket.requests('open')).toHaveLength(2)
    // what still comes on the old channel belongs to nobody
    await socket.says(
      onChannel(1, { type: 'opened', point: point(9), stateVector: new Uint8Array([0]), access: 'write' }),
      onChannel(1, { type: 'synced', position: 9, chain: 9, update: Y.encodeStateAsUpdate(docWith('late')) }),
    )
    expect(text.toString()).toBe('in')
  })

  it('that arrived in the frame that ended the connection are not lost', async () => {
    const { socket, text } = await synced()
    const update = Y.encodeStateAsUpdate(docWith('in'))
    const [message] = encodeRelayMessage(onChannel(1, { type: 'update', position: 2, chain: 2, update }), 1_000)
    await socket.frame(new Uint8Array([...message!, 0xff, 0xff, 0xff]))
    expect(socket.closedWith).toBe(4400)
    expect(text.toString()).toBe('in')
  })
})

describe('listeners of the application that throw', () => {
  it('do not end the session where an observer throws on a remote update', async () => {
    const { socket, handle, text } = await synced()
    text.observe(() => {
      throw new Error('mine')
    })
    await remoteUpdate(socket, docWith('remote'))
    expect(text.toString()).toBe('remote')
    expect(handle.status).toMatchObject({ connection: 'online', error: null })
    expect(reported).toHaveBeenCalledWith(new Error('mine'))
  })

  it('do not keep an edit from the relay, though they listen for updates since something came', async () => {
    const { socket, handle, text } = await synced()
    await remoteUpdate(socket, docWith('remote'))
    handle.doc.on('update', () => {
      throw new Error('mine')
    })
    expect(() => text.insert(0, 'a')).toThrow('mine')
    expect(handle.status.pending).toBe(1)
  })

  it('do not keep each other from the status, nor stop Yjs', async () => {
    const { socket, handle, text } = await synced()
    handle.on('status', () => {
      throw new Error('mine')
    })
    const seen = statuses(handle)
    text.insert(0, 'a')
    await turn()
    text.insert(0, 'b')
    await turn()
    expect(seen.map(({ pending }) => pending)).toEqual([1, 2])
    expect(updates(socket)).toHaveLength(2)
  })

  it('do not stop the session where awareness cannot be written as JSON', async () => {
    const { socket, handle, text } = await synced()
    handle.awareness.setLocalState({ big: 1n })
    text.insert(0, 'a')
    await turn()
    expect(updates(socket)).toHaveLength(1)
  })
})

describe('status', () => {
  it('tells of each change once, in the order of a session', async () => {
    const { connection, socket } = world()
    const handle = connection.open('x')
    const seen = statuses(handle)
    const first = handle.status
    expect(first).toEqual({
      connection: 'connecting',
      synced: false,
      pending: 0,
      saved: true,
      unkept: 0,
      syncedAt: null,
      refused: 0,
      storage: 'none',
      access: 'write',
      error: null,
    })
    expect(handle.status).toBe(first)
    await socket.welcome()
    await socket.says(
      onChannel(1, { type: 'opened', point: point(0), stateVector: new Uint8Array([0]), access: 'write' }),
    )
    await socket.says(onChannel(1, { type: 'synced', position: 0, chain: 0, update: null }))
    handle.doc.getText('text').insert(0, 'a')
    handle.doc.getText('text').insert(0, 'b')
    await turn()
    await socket.acknowledges('x')
    await socket.drop()
    expect(seen.map(({ connection, synced, pending }) => [connection, synced, pending])).toEqual([
      ['online', false, 0],
      ['online', true, 0],
      ['online', true, 2],
      ['online', true, 0],
      ['offline', false, 0],
    ])
    expect(first).toMatchObject({ connection: 'connecting' })
    expect(seen.every(Object.isFrozen)).toBe(true)
    expect(seen.at(-1)).toBe(handle.status)
  })

  it('tells nothing where a turn ends as it began', async () => {
    const { connection } = world({ online: false })
    const handle = connection.open('x')
    const seen = statuses(handle)
    connection.goOnline()
    expect(handle.status.connection).toBe('connecting')
    connection.goOffline()
    await turn()
    expect(seen).toEqual([])
  })

  it('stops telling when asked to', async () => {
    const { handle, text } = await synced()
    let calls = 0
    const listener = () => calls++
    const stop = [handle.on('status', listener), handle.on('status', listener)]
    stop[0]!()
    text.insert(0, 'a')
    await turn()
    expect(calls).toBe(1)
    stop[1]!()
    text.insert(0, 'a')
    await turn()
    expect(calls).toBe(1)
  })

  it('tells of reading rights', async () => {
    const { connection, socket } = world()
    const handle = connection.open('x')
    await socket.welcome()
    await socket.says(
      onChannel(1, { type: 'opened', point: point(0), stateVector: new Uint8Array([0]), access: 'read' }),
    )
    expect(handle.status.access).toBe('read')
  })

  it('tells why the relay refuses, and the promises reject with it', async () => {
    const { connection, socket } = world()
    const handle = connection.open('x')
    handle.doc.getText('text').insert(0, 'a')
    const saved = expect(handle.saved()).rejects.toMatchObject({ code: 'document_too_large' })
    await socket.welcome()
    await socket.ends('x', { type: 'refused', code: 'document_too_large', reason: '64 MiB', retry: false })
    expect(handle.status).toMatchObject({
      connection: 'refused',
      pending: 1,
      error: { code: 'document_too_large', reason: '64 MiB' },
    })
    await expect(handle.synced).rejects.toMatchObject({ code: 'document_too_large' })
    await saved
    await expect(handle.saved()).rejects.toMatchObject({ code: 'document_too_large' })
  })
})

describe('saved()', () => {
  it('waits for what was typed before the call, not for what comes later', async () => {
    const { socket, handle, text } = await synced()
    const done: string[] = []
    const wait = (name: string) => handle.saved().then(() => done.push(name))
    await wait('nothing')
    text.insert(0, 'a')
    void wait('a')
    await turn()
    text.insert(0, 'b')
    void wait('b')
    expect(done).toEqual(['nothing'])
    const first = updates(socket)[0]!.message.seq
    await socket.says(onChannel(1, { type: 'ack', seq: first, position: 2, chain: 2 }))
    expect(done).toEqual(['nothing', 'a'])
    await socket.acknowledges('x')
    expect(done).toEqual(['nothing', 'a', 'b'])
  })

  it('outlives the connection', async () => {
    const here = await synced()
    here.text.insert(0, 'a')
    const saved = here.handle.saved()
    await turn()
    await here.socket.drop()
    await here.clock.pass(here.clock.next)
    const socket = here.sockets.at(-1)!
    await socket.welcome()
    await socket.syncs('x')
    await socket.acknowledges('x')
    await saved
  })
})

describe('one name', () => {
  it('opened twice is one replica with one session', async () => {
    const { connection, socket, handle } = await synced(docWith('there'))
    const other = connection.open('x')
    expect(other.doc).toBe(handle.doc)
    expect(other.awareness).toBe(handle.awareness)
    await other.synced
    await handle.close()
    expect(handle.status).toMatchObject({ connection: 'closed', synced: false })
    expect(other.status).toMatchObject({ connection: 'online', synced: true })
    expect(socket.requests('close')).toHaveLength(0)
    await other.close()
    await other.close()
    expect(socket.requests('close')).toHaveLength(1)
    expect(socket.requests('open')).toHaveLength(1)
  })

  it('takes the application’s Y.Doc, and no second one', async () => {
    const { connection } = world()
    const doc = new Y.Doc()
    expect(connection.open('x', { doc }).doc).toBe(doc)
    expect(connection.open('x', { doc }).doc).toBe(doc)
    expect(() => connection.open('x', { doc: new Y.Doc() })).toThrow(
      expect.objectContaining({ code: 'invalid_option' }),
    )
  })

  it('is opened anew while the last handle still sends', async () => {
    const { connection, socket, handle, text } = await synced()
    text.insert(0, 'a')
    const closing = handle.close()
    const again = connection.open('x')
    expect(again.doc).not.toBe(handle.doc)
    await turn()
    expect(socket.requests('open').map(({ channel }) => channel)).toEqual([1, 2])
    await socket.says(onChannel(1, { type: 'ack', seq: 2, position: 2, chain: 2 }))
    await closing
    expect(socket.requests('close').map(({ channel }) => channel)).toEqual([1])
    await socket.syncs('x', docWith('a'))
    expect(again.doc.getText('text').toString()).toBe('a')
  })

  it('what the given Y.Doc holds is pending until the relay has it', async () => {
    const { connection, socket } = world()
    const handle = connection.open('x', { doc: docWith('from elsewhere') })
    expect(handle.status).toMatchObject({ pending: 1, saved: false })
    await socket.welcome()
    await socket.syncs('x')
    const other = new Y.Doc()
    Y.applyUpdate(other, socket.requests('update')[0]!.message.update)
    expect(other.getText('text').toString()).toBe('from elsewhere')
    await socket.acknowledges('x')
    expect(handle.status.saved).toBe(true)
  })
})

describe('close()', () => {
  it('waits until what was typed is saved', async () => {
    const { socket, handle, text, clock } = await synced()
    text.insert(0, 'a')
    let closed = false
    const closing = handle.close().then(() => {
      closed = true
    })
    await turn()
    expect(updates(socket)).toHaveLength(1)
    expect(closed).toBe(false)
    await socket.acknowledges('x')
    await closing
    expect(socket.requests('close')).toHaveLength(1)
    expect(handle.status).toMatchObject({ connection: 'closed', pending: 0, saved: true })
    await handle.saved()
    // the connection watches for silence and compares, no more
    expect(clock.waiting).toBe(2)
  })

  it('waits for an attempt to connect, and for 10 s at most', async () => {
    const { connection, clock, socket } = world()
    const handle = connection.open('x')
    handle.doc.getText('text').insert(0, 'a')
    let closed = false
    const closing = handle.close().then(() => {
      closed = true
    })
    await clock.pass(9_999)
    expect(closed).toBe(false)
    await clock.pass(1)
    await closing
    expect(handle.status).toMatchObject({ connection: 'closed', pending: 1, saved: false })
    await expect(handle.saved()).rejects.toMatchObject({ code: 'closed' })
    await expect(handle.synced).rejects.toMatchObject({ code: 'closed' })
    expect(socket.closedWith).toBeNull()
  })

  it('does not wait while offline', async () => {
    const { connection } = world({ online: false })
    const handle = connection.open('x')
    handle.doc.getText('text').insert(0, 'a')
    await handle.close()
    expect(handle.status.pending).toBe(1)
  })

  it('gives up when the relay turns out to be gone', async () => {
    const { handle, text, clock, sockets } = await synced()
    text.insert(0, 'a')
    const closing = handle.close()
    await sockets[0]!.drop()
    await clock.pass(clock.next)
    await sockets[1]!.drop()
    await closing
    expect(handle.status.pending).toBe(1)
  })

  it('tells of its end', async () => {
    const { connection, handle } = await synced()
    const seen = statuses(handle)
    const other = connection.open('x')
    const seenByOther = statuses(other)
    await handle.close()
    expect(seen.map(({ connection }) => connection)).toEqual(['closed'])
    expect(seenByOther).toEqual([])
    await other.close()
    expect(seen).toHaveLength(1)
    expect(seenByOther.map(({ connection }) => connection)).toEqual(['closed'])
  })

  it('destroys the document that it made, not the application’s', async () => {
    const { connection } = world({ online: false })
    const mine = new Y.Doc()
    const [given, made] = [connection.open('given', { doc: mine }), connection.open('made')]
    await connection.close()
    expect(given.doc.isDestroyed).toBe(false)
    expect(made.doc.isDestroyed).toBe(true)
    const listeners = ({ _observers }: Y.Doc) => [..._observers].map(([event, { size }]) => `${event} ${size}`).join()
    // what is left is y-protocols’ own
    expect(listeners(mine)).toBe(`${listeners(new Y.Doc())},destroy 1`)
  })

  it('in the middle of a transaction leaves nothing of it behind either', async () => {
    const mine = new Y.Doc()
    const close = vi.fn(() => handle.close())
    mine.once('afterTransactionCleanup', close)
    mine.once('afterAllTransactions', close)
    const handle = world({ online: false }).connection.open('x', { doc: mine })
    mine.getText('text').insert(0, 'a')
    await handle.close()
    expect(close).toHaveBeenCalledTimes(2)
    expect(mine._observers.has('update')).toBe(false)
  })

  it('comes by itself when the application destroys its document', async () => {
    const { handle, socket } = await synced()
    handle.doc.destroy()
    await turn()
    expect(socket.requests('close')).toHaveLength(1)
    expect(handle.status.connection).toBe('closed')
  })
})

describe('awareness', () => {
  function stateOf(update: Uint8Array) {
    const awareness = new Awareness(new Y.Doc())
    applyAwarenessUpdate(awareness, update, null)
    awareness.destroy()
    return [...awareness.getStates()].map(([client, state]) => ({ client, ...state }))
  }

  async function shows(here: Awaited<ReturnType<typeof synced>>, other: Awareness) {
    const update = encodeAwarenessUpdate(other, [other.clientID])
    await here.sockets.at(-1)!.says(onChannel(1, { type: 'awareness', update }))
  }

  function person(name: string): Awareness {
    const awareness = new Awareness(new Y.Doc())
    awareness.setLocalState({ name })
    return awareness
  }

  it('of one turn leaves once, after the edits of that turn', async () => {
    const { socket, handle, text } = await synced()
    const before = socket.received.length
    handle.awareness.setLocalStateField('cursor', 0)
    text.insert(0, 'a')
    handle.awareness.setLocalStateField('cursor', 1)
    await turn()
    const sent = socket.received
      .slice(before)
      .map((message) => (message.type === 'session' ? message.message : message))
    expect(sent.map(({ type }) => type)).toEqual(['update', 'awareness'])
    expect(stateOf(socket.requests('awareness').at(-1)!.message.update)).toEqual([
      { client: handle.doc.clientID, cursor: 1 },
    ])
  })

  it('is announced with each session, with a higher clock', async () => {
    const here = await synced()
    here.handle.awareness.setLocalState({ name: 'Ada' })
    await turn()
    await here.clock.pass(5_000)
    const clocks = [here.handle.awareness.meta.get(here.handle.doc.clientID)!.clock]
    await here.socket.drop()
    await here.clock.pass(here.clock.next)
    const socket = here.sockets[1]!
    await socket.welcome()
    await socket.syncs('x')
    clocks.push(here.handle.awareness.meta.get(here.handle.doc.clientID)!.clock)
    expect(clocks[1]).toBeGreaterThan(clocks[0]!)
    expect(stateOf(socket.requests('awareness').at(-1)!.message.update)).toMatchObject([{ name: 'Ada' }])
  })

  it('of others goes while offline, and is back with the clock that it had', async () => {
    const here = await synced()
    const other = person('Grace')
    await shows(here, other)
    expect(here.handle.awareness.getStates().get(other.clientID)).toEqual({ name: 'Grace' })
    await here.clock.pass(5_000)
    await here.socket.drop()
    expect([...here.handle.awareness.getStates().keys()]).toEqual([here.handle.doc.clientID])
    await here.clock.pass(here.clock.next)
    await here.sockets[1]!.welcome()
    await here.sockets[1]!.syncs('x')
    await shows(here, other)
    expect(here.handle.awareness.getStates().get(other.clientID)).toEqual({ name: 'Grace' })
    other.destroy()
  })

  it('of others is not sent on', async () => {
    const here = await synced()
    const before = here.socket.requests('awareness').length
    const other = person('Grace')
    await shows(here, other)
    removeAwarenessStates(here.handle.awareness, [other.clientID], 'timeout')
    await turn()
    expect(here.socket.requests('awareness')).toHaveLength(before)
    other.destroy()
  })

  it('comes after the text that it points to', async () => {
    const here = await synced()
    const other = person('Grace')
    let seen = ''
    here.handle.awareness.on('change', () => {
      seen = here.text.toString()
    })
    await here.socket.says(
      onChannel(1, { type: 'update', position: 2, chain: 2, update: Y.encodeStateAsUpdate(docWith('text')) }),
      onChannel(1, { type: 'awareness', update: encodeAwarenessUpdate(other, [other.clientID]) }),
    )
    expect(seen).toBe('text')
    other.destroy()
  })

  it('says that we are still here to those who thought us gone', async () => {
    const { socket, handle } = await synced()
    const { clientID } = handle.doc
    handle.awareness.setLocalState({ name: 'Ada' })
    await turn()
    const twin = new Awareness(new Y.Doc())
    applyAwarenessUpdate(twin, socket.requests('awareness').at(-1)!.message.update, null)
    removeAwarenessStates(twin, [clientID], null)
    const before = socket.requests('awareness').length
    await socket.says(onChannel(1, { type: 'awareness', update: encodeAwarenessUpdate(twin, [clientID]) }))
    expect(stateOf(socket.requests('awareness')[before]!.message.update)).toMatchObject([{ name: 'Ada' }])
    twin.destroy()
  })

  it('goes at once with the last handle, here too', async () => {
    const here = await synced()
    const { socket, handle, text } = here
    const other = person('Grace')
    await shows(here, other)
    other.destroy()
    text.insert(0, 'a')
    void handle.close()
    await turn()
    expect(stateOf(socket.requests('awareness').at(-1)!.message.update)).toEqual([])
    expect(handle.awareness.getStates().size).toBe(0)
    expect(socket.requests('close')).toHaveLength(0)
  })

  it('of a Y.Doc that is opened again is news to those who saw it go', async () => {
    const { connection } = world({ online: false })
    const doc = new Y.Doc()
    const first = connection.open('x', { doc })
    first.awareness.setLocalState({ name: 'Ada' })
    await first.close()
    const gone = first.awareness.meta.get(doc.clientID)!.clock
    const second = connection.open('x', { doc })
    second.awareness.setLocalState({ name: 'Ada' })
    expect(second.awareness.meta.get(doc.clientID)!.clock).toBeGreaterThan(gone)
    await connection.close()
  })
})

it('documents that are synced and idle are compared with the relay', async () => {
  const here = await synced()
  for (let second = 0; second < 60; second++) {
    await here.clock.pass(1_000)
    await here.socket.says({ type: 'pong' })
  }
  expect(here.socket.requests('digest')).toHaveLength(1)
  await here.connection.close()
})
