/**
 * The local store in Node: LevelDB, from the package `level`.
 *
 * @packageDocumentation
 */
import { type CopyWrite, type LocalCopy, type RefusedRow, type RowId, SynclineError } from '@syncline/protocol'
import { Level } from 'level'
import { type CopyState, copyOf, hasUnsaved, newState, scopeKey, stateAfter } from './state.js'
import type { DocumentStore, Store, StoreScope } from './types.js'

/** What there is of a copy beside its rows. */
interface Head {
  readonly state: CopyState
  readonly nextId: RowId
}

/** Ids in keys have as many digits as the largest safe integer, so that their order is that of the numbers. */
const idDigits = 16

/** LevelDB of the client's own, in a directory. */
export interface LevelStore extends Store {
  /** Closes the database: the directory is free for others then. Connections that use it are closed before. */
  close(): Promise<void>
}

/**
 * Keeps documents in a LevelDB directory, which is made where it is missing, for scripts and desktop applications. One
 * process can have it open at a time. Edits are written with fsync. Needs the package `level`.
 */
export function levelStore(directory: string): LevelStore {
  return new LevelDbStore(directory)
}

class LevelDbStore implements LevelStore {
  readonly #directory: string
  #opening: Promise<Level<string, Uint8Array>> | null = null
  #running: Promise<unknown> = Promise.resolve()
  /** rises when LevelDB could not write: then it may have lost what it had called written */
  #incarnation = 0
  readonly #removals = new Map<string, number>()

  constructor(directory: string) {
    this.#directory = directory
  }

  open(scope: StoreScope, name: string): DocumentStore {
    return new LevelDocument(this, scope, `${scopeKey(scope)}/${encodeURIComponent(name)}`)
  }

  /** another number: another database */
  get incarnation(): number {
    return this.#incarnation
  }

  /** how often a copy was removed */
  removalsOf(key: string): number {
    return this.#removals.get(key) ?? 0
  }

  list(scope: StoreScope): Promise<string[]> {
    return this.run(async (database) => {
      const keys = await database.keys(below(`s/${scopeKey(scope)}/`)).all()
      return keys.map(nameIn)
    })
  }

  pending(scope: StoreScope): Promise<string[]> {
    return this.run(async (database) => {
      const pending: string[] = []
      for await (const [key, head] of database.iterator(below(`s/${scopeKey(scope)}/`))) {
        const ids = (await database.keys(rowsOf(key.slice(2))).all()).map(idIn)
        if (hasUnsaved(parse(head)?.state, ids)) pending.push(nameIn(key))
      }
      return pending
    })
  }

  forget(scope: StoreScope, name: string): Promise<void> {
    return this.#remove(`${scopeKey(scope)}/${encodeURIComponent(name)}`)
  }

  async erase(identity: string): Promise<void> {
    const range = below(`s/${encodeURIComponent(identity)}:`)
    const keys = await this.run((database) => database.keys(range).all())
    for (const key of keys) await this.#remove(key.slice(2))
  }

  async close(): Promise<void> {
    await this.#running
    const database = await this.#opening?.catch(() => null)
    this.#opening = null
    await database?.close()
  }

  #remove(key: string): Promise<void> {
    this.#removals.set(key, this.removalsOf(key) + 1)
    return this.run(async (database) => {
      await database.clear(rowsOf(key))
      await database.clear(refusedOf(key))
      await database.batch([{ type: 'del', key: `s/${key}` }], { sync: true })
    })
  }

  /** One after the other: a write reads before it writes. */
  run<T>(use: (database: Level<string, Uint8Array>) => Promise<T>): Promise<T> {
    const result = this.#running.then(() => this.#run(use))
    this.#running = result.catch(() => undefined)
    return result
  }

  async #run<T>(use: (database: Level<string, Uint8Array>) => Promise<T>): Promise<T> {
    try {
      this.#opening ??= this.#open()
      return await use(await this.#opening)
    } catch (error) {
      if (error instanceof SynclineError) throw error
      await this.#giveUp()
      throw storeError(error)
    }
  }

  async #open(): Promise<Level<string, Uint8Array>> {
    const database = new Level<string, Uint8Array>(this.#directory, { valueEncoding: 'view' })
    await database.open()
    return database
  }

  /** After a write that failed LevelDB goes on, and loses what it calls written: it is opened anew, and read again. */
  async #giveUp(): Promise<void> {
    this.#incarnation++
    const database = await this.#opening?.catch(() => null)
    this.#opening = null
    await database?.close().catch(() => undefined)
  }
}

class LevelDocument implements DocumentStore {
  readonly #store: LevelDbStore
  readonly #scope: StoreScope
  readonly #key: string
  readonly #removals: number
  #incarnation = -1

  constructor(store: LevelDbStore, scope: StoreScope, key: string) {
    this.#store = store
    this.#scope = scope
    this.#key = key
    this.#removals = store.removalsOf(key)
  }

  async read(): Promise<LocalCopy> {
    return this.#store.run(async (database) => {
      this.#assertNotErased()
      this.#incarnation = this.#store.incarnation
      const head = await database.get(`s/${this.#key}`)
      const entries = await database.iterator(rowsOf(this.#key)).all()
      return copyOf(
        parse(head)?.state,
        entries.map(([key, update]) => ({ id: idIn(key), update: new Uint8Array(update) })),
        (await database.values(refusedOf(this.#key)).all()).map(refusedFrom),
      )
    })
  }

  async write(write: CopyWrite): Promise<RowId[]> {
    return this.#store.run(async (database) => {
      this.#assertNotErased()
      if (this.#store.incarnation !== this.#incarnation) throw new SynclineError('store_lost')
      const { state, nextId } = parse(await database.get(`s/${this.#key}`)) ?? {
        state: newState(this.#scope),
        nextId: 1,
      }
      const ids = write.append.map((_, index) => nextId + index)
      const head: Head = { state: stateAfter(state, write, ids, 0), nextId: nextId + ids.length }
      const batch = database.batch()
      for (const [index, { update }] of write.append.entries()) batch.put(this.#rowKey(ids[index]!), update)
      for (const id of write.remove) batch.del(this.#rowKey(id))
      batch.put(`s/${this.#key}`, new TextEncoder().encode(JSON.stringify(head)))
      for (const id of write.letGo ?? []) batch.del(`f/${this.#key}/${id}`)
      for (const row of write.refuse ?? []) batch.put(`f/${this.#key}/${row.id}`, bytesOfRefused(row))
      await batch.write({ sync: write.append.some((row) => !row.saved) || (write.refuse ?? []).length > 0 })
      return ids
    })
  }

  async close(): Promise<void> {
    await this.#store.run(async () => undefined).catch(() => undefined)
  }

  #assertNotErased(): void {
    if (this.#store.removalsOf(this.#key) !== this.#removals) throw new SynclineError('store_erased')
  }

  #rowKey(id: RowId): string {
    return `r/${this.#key}/${String(id).padStart(idDigits, '0')}`
  }
}

function rowsOf(key: string) {
  return below(`r/${key}/`)
}

function refusedOf(key: string) {
  return below(`f/${key}/`)
}

/** A line of JSON, then the update. */
function bytesOfRefused({ update, ...row }: RefusedRow): Uint8Array {
  const head = new TextEncoder().encode(`${JSON.stringify(row)}\n`)
  const bytes = new Uint8Array(head.length + update.length)
  bytes.set(head)
  bytes.set(update, head.length)
  return bytes
}

function refusedFrom(bytes: Uint8Array): RefusedRow {
  const end = bytes.indexOf(10)
  return {
    ...JSON.parse(new TextDecoder().decode(bytes.subarray(0, end))),
    update: new Uint8Array(bytes.subarray(end + 1)),
  }
}

/** All keys with a prefix: they have no character above `~`. */
function below(prefix: string) {
  return { gt: prefix, lt: `${prefix}\x7f` }
}

function nameIn(key: string): string {
  return decodeURIComponent(key.slice(key.lastIndexOf('/') + 1))
}

function idIn(key: string): RowId {
  return Number(key.slice(-idDigits))
}

function parse(head: Uint8Array | undefined): Head | undefined {
  return head && JSON.parse(new TextDecoder().decode(head))
}

function storeError(error: unknown): SynclineError {
  const fact = String(error instanceof Error && error.cause ? error.cause : error)
  return new SynclineError(/no space|ENOSPC|EDQUOT/i.test(fact) ? 'store_full' : 'store_unavailable', fact)
}
