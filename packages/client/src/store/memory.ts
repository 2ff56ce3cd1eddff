import { type CopyWrite, type LocalCopy, type RefusedRow, type RowId, SynclineError } from '@syncline/protocol'
import { type CopyState, copyOf, hasUnsaved, newState, scopeKey, stateAfter } from './state.js'
import type { DocumentStore, Store, StoreScope } from './types.js'

/** A copy in memory. */
interface Copy {
  readonly rows: Map<RowId, Uint8Array>
  readonly refused: Map<string, RefusedRow>
  state: CopyState | undefined
  nextId: RowId
  erased: boolean
}

/** Keeps documents as long as the process lives, over connections that come and go. */
export function memoryStore(): Store {
  return new MemoryStore()
}

class MemoryStore implements Store {
  readonly #copies = new Map<string, Copy>()

  open(scope: StoreScope, name: string): DocumentStore {
    return new MemoryDocument(scope, () => this.#copy(keyOf(scope, name)))
  }

  async list(scope: StoreScope): Promise<string[]> {
    return this.#names(scope, () => true)
  }

  async pending(scope: StoreScope): Promise<string[]> {
    return this.#names(scope, ({ state, rows }) => hasUnsaved(state, [...rows.keys()]))
  }

  async forget(scope: StoreScope, name: string): Promise<void> {
    this.#remove(keyOf(scope, name))
  }

  async erase(identity: string): Promise<void> {
    const prefix = `${encodeURIComponent(identity)}:`
    for (const key of this.#copies.keys()) if (key.startsWith(prefix)) this.#remove(key)
  }

  #names(scope: StoreScope, wanted: (copy: Copy) => boolean): string[] {
    const prefix = keyOf(scope, '')
    const written = [...this.#copies].filter(([key, copy]) => key.startsWith(prefix) && copy.state && wanted(copy))
    return written.map(([key]) => key.slice(prefix.length))
  }

  #copy(key: string): Copy {
    const copy = this.#copies.get(key) ?? newCopy()
    this.#copies.set(key, copy)
    return copy
  }

  #remove(key: string): void {
    const copy = this.#copies.get(key)
    if (copy) copy.erased = true
    this.#copies.delete(key)
  }
}

class MemoryDocument implements DocumentStore {
  readonly #scope: StoreScope
  readonly #find: () => Copy
  #copy: Copy | null = null

  constructor(scope: StoreScope, find: () => Copy) {
    this.#scope = scope
    this.#find = find
  }

  async read(): Promise<LocalCopy> {
    if (this.#copy?.erased) throw new SynclineError('store_erased')
    this.#copy = this.#find()
    return copyOf(
      this.#copy.state,
      Array.from(this.#copy.rows, ([id, update]) => ({ id, update })),
      [...this.#copy.refused.values()],
    )
  }

  async write(write: CopyWrite): Promise<RowId[]> {
    this.#copy ??= this.#find()
    const copy = this.#copy
    if (copy.erased) throw new SynclineError('store_erased')
    const ids = write.append.map(({ update }) => {
      copy.rows.set(copy.nextId, update)
      return copy.nextId++
    })
    for (const id of write.remove) copy.rows.delete(id)
    for (const id of write.letGo ?? []) copy.refused.delete(id)
    for (const row of write.refuse ?? []) copy.refused.set(row.id, row)
    const [oldest = copy.nextId] = copy.rows.keys()
    copy.state = stateAfter(copy.state ?? newState(this.#scope), write, ids, oldest)
    return ids
  }

  async close(): Promise<void> {}
}

function newCopy(): Copy {
  return { rows: new Map(), refused: new Map(), state: undefined, nextId: 1, erased: false }
}

function keyOf(scope: StoreScope, name: string): string {
  return `${scopeKey(scope)}:${name}`
}
