/**
 * The local store in browsers: IndexedDB, in the layout of y-indexeddb.
 *
 * @packageDocumentation
 */
import { type CopyWrite, type LocalCopy, type RefusedRow, type RowId, SynclineError } from '@syncline/protocol'
import { Database, done } from './database.js'
import { type CopyState, copyOf, hasUnsaved, newState, scopeKey, stateAfter } from './state.js'
import type { DocumentStore, Store, StoreScope } from './types.js'

export { type StorageEstimate, storageEstimate } from './estimate.js'

/** Options of {@link indexedDbStore}. */
export interface IndexedDbOptions {
  /**
   * The database of a document that y-indexeddb has kept until now, or null. It is used in place: what is in it counts
   * as not yet saved, tabs that still run y-indexeddb on it go on working, and y-indexeddb can open it afterwards.
   */
  readonly adopt?: (name: string) => string | null
}

/** The key in `custom` of what y-indexeddb knows nothing of. */
const stateKey = 'syncline'

/** What the keys in `custom` of refused rows begin with: what is no part of the document must not be in `updates`. */
const refusedKeys = 'syncline:refused:'

/** A refused row, and whose it is. */
interface StoredRefusal {
  readonly scope: string
  readonly row: RefusedRow
}

/** The key in a scope's own database: the document names of adopted databases. */
const adoptedKey = 'adopted'

/**
 * Keeps documents in IndexedDB, one database for each, over reloads, crashes and tabs that are closed. Edits are written
 * with strict durability. Several tabs may use it at once.
 */
export function indexedDbStore(options: IndexedDbOptions = {}): Store {
  return new IndexedDbStore(options.adopt ?? (() => null))
}

class IndexedDbStore implements Store {
  readonly #adopt: (name: string) => string | null

  constructor(adopt: (name: string) => string | null) {
    this.#adopt = adopt
  }

  open(scope: StoreScope, name: string): DocumentStore {
    const adopted = this.#adopt(name)
    const prepare = adopted === null ? async () => undefined : () => register(scope, name, adopted)
    const database = new Database(adopted ?? databaseOf(scope, name))
    database.open()
    return new IndexedDbDocument(scope, database, prepare)
  }

  async list(scope: StoreScope): Promise<string[]> {
    return [...(await databases(scope)).keys()]
  }

  async pending(scope: StoreScope): Promise<string[]> {
    const names: string[] = []
    // one by one: this is done in the background
    for (const [name, database] of await databases(scope)) {
      if (await hasPending(scope, new Database(database))) names.push(name)
    }
    return names
  }

  async forget(scope: StoreScope, name: string): Promise<void> {
    const database = (await databases(scope)).get(name)
    if (database === undefined) return
    await Database.remove(database)
    if (database !== databaseOf(scope, name)) await register(scope, name, null)
  }

  async erase(identity: string): Promise<void> {
    const prefix = `syncline:${encodeURIComponent(identity)}:`
    const names = (await Database.names()).filter((name) => name.startsWith(prefix))
    const adopted = await Promise.all(names.filter(isRegistry).map(registered))
    for (const name of [...adopted.flatMap((databases) => Object.values(databases)), ...names])
      await Database.remove(name)
  }
}

class IndexedDbDocument implements DocumentStore {
  readonly #scope: StoreScope
  readonly #database: Database
  readonly #prepare: () => Promise<void>
  /** the id of the copy that was read */
  #copy: string | null = null

  constructor(scope: StoreScope, database: Database, prepare: () => Promise<void>) {
    this.#scope = scope
    this.#database = database
    this.#prepare = prepare
  }

  async read(): Promise<LocalCopy> {
    await this.#prepare()
    const { rows, state, refused } = await this.#database.run('readonly', async ({ updates, custom }) => {
      const [ids, values, state, refused] = await Promise.all([
        done(updates.getAllKeys()),
        done(updates.getAll()),
        done<CopyState | undefined>(custom.get(stateKey)),
        refusalsIn(custom),
      ])
      const rows = ids.map((id, index) => ({ id: Number(id), update: bytesOf(values[index]) }))
      return { rows, state: ours(state, this.#scope), refused }
    })
    this.#copy = state?.id ?? null
    const mine = refused.filter(({ scope }) => scope === scopeKey(this.#scope))
    return copyOf(
      state,
      rows,
      mine.map(({ row }) => row),
    )
  }

  async write(write: CopyWrite): Promise<RowId[]> {
    const durability = write.append.some((row) => !row.saved) || write.refuse?.length ? 'strict' : 'relaxed'
    const { ids, state } = await this.#database.run(
      'readwrite',
      async ({ updates, custom }) => {
        const before = ours(await done<CopyState | undefined>(custom.get(stateKey)), this.#scope)
        if (this.#copy !== null && before?.id !== this.#copy) throw new SynclineError('store_lost')
        const added = write.append.map(({ update }) => done(updates.add(update)))
        for (const id of write.remove) updates.delete(id)
        const ids = (await Promise.all(added)).map(Number)
        const [oldest = Number.POSITIVE_INFINITY] =
          write.remove.length > 0 ? await done(updates.getAllKeys(null, 1)) : [0]
        const state = stateAfter(before ?? newState(this.#scope), write, ids, Number(oldest))
        custom.put(state, stateKey)
        for (const id of write.letGo ?? []) custom.delete(refusedKeys + id)
        for (const row of write.refuse ?? [])
          custom.put({ scope: scopeKey(this.#scope), row } satisfies StoredRefusal, refusedKeys + row.id)
        return { ids, state }
      },
      durability,
    )
    this.#copy = state.id
    return ids
  }

  close(): Promise<void> {
    return this.#database.close()
  }
}

/** There are hardly ever any: the keys are few, and each is asked for by itself. */
async function refusalsIn(custom: IDBObjectStore): Promise<StoredRefusal[]> {
  const keys = await done(custom.getAllKeys())
  const refused = keys.filter((key) => typeof key === 'string' && key.startsWith(refusedKeys))
  return Promise.all(refused.map((key) => done<StoredRefusal>(custom.get(key))))
}

/** The marks of another relay or identity say nothing to this one. */
function ours(state: CopyState | undefined, scope: StoreScope): CopyState | undefined {
  return state?.scope === scopeKey(scope) ? state : undefined
}

/** What is no update becomes one that cannot be read: whoever reads the copy finds out. */
function bytesOf(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value
  return value instanceof ArrayBuffer ? new Uint8Array(value) : new Uint8Array()
}

function databaseOf(scope: StoreScope, name: string): string {
  return `syncline:${scopeKey(scope)}:${name}`
}

/** Document name → database, of all that are kept. */
async function databases(scope: StoreScope): Promise<Map<string, string>> {
  const prefix = databaseOf(scope, '')
  const own = (await Database.names()).filter((name) => name.startsWith(prefix))
  const adopted = own.includes(prefix) ? await registered(prefix) : {}
  const named = own.filter((name) => name !== prefix).map((name) => [name.slice(prefix.length), name] as const)
  return new Map([...named, ...Object.entries(adopted)])
}

/** The database of a scope that lists what was adopted; no document has an empty name. */
function isRegistry(database: string): boolean {
  return /^syncline:[^:]*:[^:]*:$/.test(database)
}

async function registered(registry: string): Promise<Record<string, string>> {
  return briefly(new Database(registry), (database) =>
    database.run('readonly', async ({ custom }) => (await done(custom.get(adoptedKey))) ?? {}),
  )
}

async function register(scope: StoreScope, name: string, adopted: string | null): Promise<void> {
  await briefly(new Database(databaseOf(scope, '')), (database) =>
    database.run('readwrite', async ({ custom }) => {
      const before: Record<string, string> = (await done(custom.get(adoptedKey))) ?? {}
      const { [name]: known = null, ...others } = before
      if (known !== adopted) custom.put(adopted === null ? others : { ...others, [name]: adopted }, adoptedKey)
    }),
  )
}

function hasPending(scope: StoreScope, database: Database): Promise<boolean> {
  return briefly(database, () =>
    database.run('readonly', async ({ updates, custom }) => {
      const [ids, state] = await Promise.all([
        done(updates.getAllKeys()),
        done<CopyState | undefined>(custom.get(stateKey)),
      ])
      return hasUnsaved(ours(state, scope), ids.map(Number))
    }),
  )
}

async function briefly<T>(database: Database, use: (database: Database) => Promise<T>): Promise<T> {
  try {
    return await use(database)
  } finally {
    await database.close()
  }
}
