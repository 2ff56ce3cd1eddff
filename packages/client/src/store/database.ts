import { SynclineError } from '@syncline/protocol'

/** The two object stores of y-indexeddb, in a transaction. */
export interface Stores {
  /** updates, by the numbers that the database gives them */
  readonly updates: IDBObjectStore
  readonly custom: IDBObjectStore
}

/**
 * One database in the layout of y-indexeddb. It is opened when it is first used, and again after the browser closed it.
 * No version is ever asked for: a higher one would close it under every tab that has it open.
 */
export class Database {
  readonly #name: string
  #opening: Promise<IDBDatabase> | null = null
  #running: Promise<unknown> = Promise.resolve()
  #erased = false

  constructor(name: string) {
    this.#name = name
  }

  /** The names of all databases of this origin; none where the browser does not tell. */
  static async names(): Promise<string[]> {
    try {
      const known = (await indexedDB.databases?.()) ?? []
      return known.flatMap(({ name }) => (name === undefined ? [] : [name]))
    } catch (error) {
      throw storeError(error)
    }
  }

  /** Removes a database. Who has it open closes it: ours and those of y-indexeddb do. */
  static async remove(name: string): Promise<void> {
    try {
      await done(indexedDB.deleteDatabase(name))
    } catch (error) {
      throw storeError(error)
    }
  }

  /** Opens it already, since that takes its time: whoever uses it next finds out whether it could be. */
  open(): void {
    this.#connect().catch(() => undefined)
  }

  /**
   * Runs one transaction and resolves with the result, where it writes once it is complete. Where `use` throws, nothing of it happens.
   *
   * @param use awaits nothing but requests of this transaction
   * @throws SynclineError what of the {@link Store} went wrong
   */
  run<T>(
    mode: IDBTransactionMode,
    use: (stores: Stores) => Promise<T>,
    durability: IDBTransactionDurability = 'default',
  ): Promise<T> {
    const result = this.#run(mode, use, durability).catch((error) => {
      throw storeError(error)
    })
    this.#running = result.catch(() => undefined)
    return result
  }

  /** Waits for what is running; never rejects. */
  async close(): Promise<void> {
    await this.#running
    const database = await this.#opening?.catch(() => null)
    this.#opening = null
    database?.close()
  }

  async #run<T>(
    mode: IDBTransactionMode,
    use: (stores: Stores) => Promise<T>,
    durability: IDBTransactionDurability,
  ): Promise<T> {
    if (this.#erased) throw new SynclineError('store_erased')
    const database = await this.#connect()
    const transaction = this.#begin(database, mode, durability)
    const completed = new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve()
      transaction.onabort = () =>
        reject(transaction.error ?? new DOMException('The transaction was aborted', 'AbortError'))
    })
    completed.catch(() => undefined)
    try {
      const stores = { updates: transaction.objectStore('updates'), custom: transaction.objectStore('custom') }
      const [result] = await Promise.all([use(stores), mode === 'readonly' ? null : completed])
      return result
    } catch (error) {
      abort(transaction)
      // why it was aborted says more than that a request of it failed
      throw error instanceof SynclineError ? error : (transaction.error ?? error)
    }
  }

  #connect(): Promise<IDBDatabase> {
    // also where it throws at once, as in a private window: the next transaction tries again
    this.#opening ??= this.#open().catch((error) => {
      this.#opening = null
      throw error
    })
    return this.#opening
  }

  #begin(database: IDBDatabase, mode: IDBTransactionMode, durability: IDBTransactionDurability): IDBTransaction {
    try {
      return database.transaction(['updates', 'custom'], mode, { durability })
    } catch (error) {
      // iOS closes connections without a word: the next transaction gets another one
      this.#opening = null
      database.close()
      throw error
    }
  }

  async #open(): Promise<IDBDatabase> {
    const request = indexedDB.open(this.#name)
    request.onupgradeneeded = () => {
      request.result.createObjectStore('updates', { autoIncrement: true })
      request.result.createObjectStore('custom')
    }
    const database = await done(request)
    database.onclose = () => {
      this.#opening = null
    }
    database.onversionchange = (event) => {
      if (event.newVersion === null) this.#erased = true
      this.#opening = null
      database.close()
    }
    return database
  }
}

/** The result of a request. */
export function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}

/** A transaction that has ended by itself can't be aborted. */
function abort(transaction: IDBTransaction): void {
  try {
    transaction.abort()
  } catch {}
}

function storeError(error: unknown): SynclineError {
  if (error instanceof SynclineError) return error
  const fact = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return new SynclineError(isFull(error) ? 'store_full' : 'store_unavailable', fact)
}

function isFull(error: unknown): boolean {
  return error instanceof Error && /quota/i.test(error.name)
}
