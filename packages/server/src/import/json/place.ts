import * as Y from 'yjs'
import type { SharedType } from './roots.js'

/**
 * Puts values at the end of a type that is part of a document, one after the other. Yjs's own methods look for the end
 * each time, and refuse what is in documents all the same: `undefined`, bigints, an object with the key `constructor`.
 */
export class ListEnd {
  readonly #doc: Y.Doc
  readonly #type: SharedType
  #last: Y.Item | null = null

  /** @param type which is empty, and part of `doc` */
  constructor(doc: Y.Doc, type: SharedType) {
    this.#doc = doc
    this.#type = type
  }

  /** Adds plain values; together they cost one struct. */
  addPlain(values: unknown[]): void {
    this.#last = place(this.#doc, this.#type, this.#last, null, new Y.ContentAny(values))
  }

  /** Adds a shared type, a subdocument or bytes. */
  add(value: Placeable): void {
    this.#last = place(this.#doc, this.#type, this.#last, null, contentOf(value))
  }
}

/** What is no plain value. */
export type Placeable = Y.AbstractType<unknown> | Y.Doc | Uint8Array

/** Whether a value is none of the plain ones. */
export function isPlaceable(value: unknown): value is Placeable {
  return value instanceof Y.AbstractType || value instanceof Y.Doc || value instanceof Uint8Array
}

/** Puts a value under a key of a type that is part of a document and has nothing there. */
export function placeUnder(doc: Y.Doc, type: SharedType, key: string, value: unknown): void {
  place(doc, type, null, key, isPlaceable(value) ? contentOf(value) : new Y.ContentAny([value]))
}

function contentOf(value: Placeable): Y.Item['content'] {
  if (value instanceof Uint8Array) return new Y.ContentBinary(value)
  return value instanceof Y.Doc ? new Y.ContentDoc(value) : new Y.ContentType(value)
}

function place(doc: Y.Doc, type: SharedType, left: Y.Item | null, key: string | null, content: Y.Item['content']) {
  const { clientID, store, _transaction: transaction } = doc
  if (transaction === null) throw new Error('This belongs into a transaction')
  const id = Y.createID(clientID, Y.getState(store, clientID))
  const parent = type as Y.AbstractType<unknown>
  const item = new Y.Item(id, left, left?.lastId ?? null, null, null, parent, key, content)
  item.integrate(transaction, 0)
  return item
}
