import { type CopyWrite, decodeAwareness, defaultLimits, SynclineError } from '@syncline/protocol'
import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { memoryStore } from './store/memory.js'
import type { DocumentStore, Store } from './store/types.js'
import { docWith, onChannel, point, turn, world } from './testing/fakes.js'

/** A store in memory whose reads and writes go wrong, or wait, as the test wants. */
class MoodyStore implements Store {
  readonly inner = memoryStore()
  readonly writes: CopyWrite[] = []
  fault: SynclineError | null = null
  readFault: SynclineError | null = null
  gate: Promise<void> = Promise.resolve()

  open(...scope: Parameters<Store['open']>): DocumentStore {
    const copy = this.inner.open(...scope)
    return {
      read: async () => {
        await this.gate
        if (this.readFault) throw this.readFault
        return copy.read()
      },
      write: async (write) => {
        if (this.fault) throw this.fault
        this.writes.push(write)
        return copy.write(write)
      },
      close: () => copy.close(),
    }
  }

  list: Store['list'] = (scope) => this.inner.list(scope)
  pending: Store['pending'] = (scope) => this.inner.pending(scope)
  forget: Store['forget'] = (scope, name) => this.inner.forget(scope, name)
  erase: Store['erase'] = (identity) => this.inner.erase(identity)
}

const full = new SynclineError('store_full')

function textOf(handle: { doc: Y.Doc }) {
  return handle.doc.getText('text')
}

describe('a document with a store', () => {
  it('tells apart what is in memory, what is kept here and what is saved', async () => {
    const here = world({ store: memoryStore() })
    const handle = here.connection.open('x')
    await handle.loaded
    textOf(handle).insert(0, 'a')
    expect(handle.status).toMatchObject({ pending: 1, unkept: 1, saved: false, storage: 'ok' })
    await handle.keptLocally()
    expect(handle.status).toMatchObject({ pending: 1, unkept: 0, saved: false })
    await here.socket.welcome()
    await here.socket.syncs('x')
    await here.socket.acknowledges('x')
    expect(handle.status).toMatchObject({ pending: 0, unkept: 0, saved: true })
  })

  it('opens nothing before the copy has been read, and keeps what was typed meanwhile', async () => {
    const store = new MoodyStore()
    const first = world({ store, online: false }).connection
    const before = first.open('x')
    textOf(before).insert(0, 'before')
    await first.close()

    let read = () => {}
    store.gate = new Promise((resolve) => {
      read = resolve
    })
    const here = world({ store })
    const handle = here.connection.open('x')
    textOf(handle).insert(0, 'early ')
    await here.socket.welcome()
    expect(here.socket.count('session')).toBe(0)
    read()
    await handle.loaded
    await turn()
    expect(here.socket.requests('open')).toHaveLength(1)
    expect(textOf(handle).length).toBe('early before'.length)
    await handle.keptLocally()
    await here.socket.syncs('x')
    const relay = new Y.Doc()
    for (const { message } of here.socket.requests('update')) Y.applyUpdate(relay, message.update)
    expect(relay.getText('text').toString()).toBe(textOf(handle).toString())
    expect(handle.status.pending).toBe(2)
    await here.socket.acknowledges('x')
    await turn()
    expect(await store.inner.pending({ relay: here.connection.url, identity: '' })).toEqual([])
  })

  it('remembers over a reload when everything was in sync last', async () => {
    const store = memoryStore()
    const here = world({ store })
    const handle = here.connection.open('x')
    await handle.loaded
    expect(handle.status.syncedAt).toBe(null)
    await here.socket.welcome()
    await here.socket.syncs('x')
    // an empty document gives its answer too
    await here.socket.acknowledges('x')
    const before = Date.now()
    here.connection.goOffline()
    await turn()
    const { syncedAt } = handle.status
    expect(syncedAt).toBeGreaterThanOrEqual(before)
    textOf(handle).insert(0, 'offline')
    await handle.keptLocally()
    const later = world({ store, online: false }).connection.open('x')
    await later.loaded
    expect(later.status).toMatchObject({ syncedAt, pending: 1 })
  })

  it('goes on in memory where the disk is full, without an error in the edit, and recovers', async () => {
    const store = new MoodyStore()
    const here = world({ store, online: false })
    const handle = here.connection.open('x')
    await handle.loaded
    store.fault = full
    textOf(handle).insert(0, 'a')
    await expect(handle.keptLocally()).rejects.toMatchObject({ code: 'store_full' })
    textOf(handle).insert(1, 'b')
    expect(handle.status).toMatchObject({ unkept: 2, storage: { code: 'store_full' } })
    store.fault = null
    await here.clock.pass(10_000)
    expect(handle.status).toMatchObject({ pending: 2, unkept: 0, storage: 'ok' })
  })

  it('syncs with the relay though the copy cannot be read, and writes it when it can', async () => {
    const store = new MoodyStore()
    store.readFault = new SynclineError('store_unavailable')
    const here = world({ store })
    const handle = here.connection.open('x')
    await handle.loaded
    await here.socket.welcome()
    await here.socket.syncs('x', docWith('theirs'))
    await here.socket.acknowledges('x')
    expect(textOf(handle).toString()).toBe('theirs')
    expect(handle.status).toMatchObject({ synced: true, storage: { code: 'store_unavailable' } })
    store.readFault = null
    await here.clock.pass(10_000)
    expect(handle.status.storage).toBe('ok')
    const again = world({ store, online: false }).connection.open('x')
    await again.loaded
    expect(textOf(again).toString()).toBe('theirs')
  })

  it('does not wait for ever for a browser that is stuck', async () => {
    const store = new MoodyStore()
    store.gate = new Promise(() => {})
    const here = world({ store })
    const handle = here.connection.open('x')
    await here.socket.welcome()
    await here.clock.pass(5_000)
    expect(here.socket.count('session')).toBe(0)
    await here.clock.pass(5_000)
    await handle.loaded
    expect(here.socket.requests('open')).toHaveLength(1)
    expect(handle.status.storage).toMatchObject({ code: 'store_unavailable' })
  })

  it('reads what is readable of a damaged copy, and asks the relay for all of it', async () => {
    const store = new MoodyStore()
    const scope = { relay: 'ws://relay.test/sync', identity: '' }
    const copy = store.inner.open(scope, 'x')
    await copy.read()
    const saved = (update: Uint8Array) => ({ update, changes: 1, saved: true })
    await copy.write({
      epoch: point(3).epoch,
      append: [saved(Y.encodeStateAsUpdate(docWith('readable'))), saved(Uint8Array.of(1, 2, 3))],
      saved: [],
      remove: [],
      resume: point(3),
    })
    const here = world({ store })
    const handle = here.connection.open('x')
    await handle.loaded
    expect(textOf(handle).toString()).toBe('readable')
    await here.socket.welcome()
    expect(here.socket.requests('open')[0]!.message.resume).toMatchObject({ position: Number.MAX_SAFE_INTEGER })
  })

  it('that is closed and opened again has what was typed last', async () => {
    const { connection } = world({ store: memoryStore(), online: false })
    const first = connection.open('x')
    textOf(first).insert(0, 'typed')
    void first.close()
    const second = connection.open('x')
    await second.loaded
    expect(textOf(second).toString()).toBe('typed')
  })

  it('is not brought back by whoever has it open when it is forgotten', async () => {
    const store = memoryStore()
    const [a, b] = [world({ store, online: false }).connection, world({ store, online: false }).connection]
    const [here, there] = [a.open('x'), b.open('x')]
    textOf(here).insert(0, 'secret')
    await here.keptLocally()
    await there.loaded
    await a.forget('x')
    textOf(there).insert(0, 'b')
    await expect(there.keptLocally()).rejects.toMatchObject({ code: 'store_erased' })
    expect(await a.kept()).toEqual([])
  })

  it('is made available offline without being shown, with progress', async () => {
    const store = memoryStore()
    const here = world({ store })
    const progress: string[] = []
    const keeping = here.connection.keepOffline(['a', 'b'], (done, of) => progress.push(`${done}/${of}`))
    await here.socket.welcome()
    await turn()
    for (const name of ['a', 'b']) {
      await here.socket.syncs(name, docWith(name))
      await here.socket.acknowledges(name)
    }
    await keeping
    expect(progress).toEqual(['1/2', '2/2'])
    const cursors = here.socket
      .requests('awareness')
      .flatMap(({ message }) => [...decodeAwareness(message.update, defaultLimits).values()])
    expect(cursors.filter(({ state }) => state !== null)).toEqual([])
    const offline = world({ store, online: false }).connection.open('b')
    await offline.loaded
    expect(textOf(offline).toString()).toBe('b')
    expect(offline.status).toMatchObject({ pending: 0, saved: true })
  })

  it('that the relay refuses is counted as well, and told once all of them have been tried', async () => {
    const here = world({ store: memoryStore() })
    const progress: string[] = []
    const keeping = here.connection.keepOffline(['mine', 'secret', 'ours'], (done, of) =>
      progress.push(`${done}/${of}`),
    )
    const outcome = keeping.catch((error) => error.code)
    await here.socket.welcome()
    await turn()
    await here.socket.ends('secret', { type: 'refused', code: 'forbidden', reason: '', retry: false })
    await turn()
    expect(progress).toEqual(['1/3'])
    for (const name of ['mine', 'ours']) {
      await here.socket.syncs(name, docWith(name))
      await here.socket.acknowledges(name)
    }
    expect(await outcome).toBe('forbidden')
    expect(progress).toEqual(['1/3', '2/3', '3/3'])
    expect((await here.connection.kept()).sort()).toEqual(['mine', 'ours'])
  })

  it('has a cursor again when somebody opens it while it is being kept', async () => {
    const here = world({ store: memoryStore() })
    const keeping = here.connection.keepOffline(['a'])
    const handle = here.connection.open('a')
    handle.awareness.setLocalStateField('user', 'Ada')
    expect(handle.awareness.getLocalState()).toEqual({ user: 'Ada' })
    await here.socket.welcome()
    await here.socket.syncs('a')
    await keeping
    expect(handle.awareness.getLocalState()).toEqual({ user: 'Ada' })
    expect(handle.status.connection).toBe('online')
  })

  it('sends what was left pending in documents that nobody has open', async () => {
    const store = memoryStore()
    const first = world({ store, online: false }).connection
    textOf(first.open('left behind')).insert(0, 'typed offline')
    await first.close()
    const here = world({ store })
    await here.socket.welcome()
    await turn()
    await here.socket.syncs('left behind')
    await here.socket.acknowledges('left behind')
    await turn()
    expect(here.socket.requests('close')).toHaveLength(1)
    expect(await store.pending({ relay: here.connection.url, identity: '' })).toEqual([])
  })

  it('stores updates of the relay with the point that they reach', async () => {
    const store = new MoodyStore()
    const here = world({ store })
    here.connection.open('x')
    await here.socket.welcome()
    await here.socket.syncs('x')
    await here.socket.acknowledges('x')
    const update = Y.encodeStateAsUpdate(docWith('theirs'))
    await here.socket.says(onChannel(1, { type: 'update', position: 9, chain: 9, update }))
    expect(store.writes.at(-1)).toMatchObject({ append: [{ saved: true }], resume: point(9) })
  })
})
