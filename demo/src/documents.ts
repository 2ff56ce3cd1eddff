import type { DocumentHandle } from '@syncline/client'
import * as Y from 'yjs'
import { openDocument, releaseDocument } from './relay.js'
import { type Kind, pathOf, routeOf } from './router.js'

/** A row of the list: what everybody sees of a document without opening it. */
export interface Entry {
  readonly name: string
  readonly kind: Kind
  readonly title: string
  /** when somebody last typed, in ms since 1970 by that person's clock */
  readonly updated: number
}

/** What a document is called on the page. */
export function labelOf({ title, kind }: Entry): string {
  return title.trim() || `Untitled ${kind}`
}

/** The list of documents is itself a document: a map from each document's name to its title and time. */
export const index = openDocument('demo/index')
const documents = index.doc.getMap<unknown>('documents')
const touchMsMin = 20_000 // the list says "2 minutes ago": it need not hear of every key

/** Longest title, in UTF-16 units. */
export const titleLengthMax = 120

/** The documents, the last edited first. Others wrote this map: what is no entry is left out. */
export function listDocuments(): Entry[] {
  return [...documents].flatMap(([name, fields]) => entryOf(name, fields)).sort((a, b) => b.updated - a.updated)
}

function entryOf(name: string, fields: unknown): Entry[] {
  const route = routeOf(pathOf(name))
  if (route.at !== 'document' || !(fields instanceof Y.Map)) return []
  const title: unknown = fields.get('title')
  const updated: unknown = fields.get('updated')
  return [
    {
      name,
      kind: route.kind,
      title: typeof title === 'string' ? title.slice(0, titleLengthMax) : '',
      updated: typeof updated === 'number' && Number.isFinite(updated) ? updated : 0,
    },
  ]
}

/** Calls back after each change of the list, until `leave` aborts. */
export function onListChange(listener: () => void, leave: AbortSignal): void {
  documents.observeDeep(listener)
  leave.addEventListener('abort', () => documents.unobserveDeep(listener))
}

/** Puts a new document on the list and gives its name. */
export function addDocument(kind: Kind): string {
  const random = crypto.getRandomValues(new Uint8Array(10))
  const name = `${kind}/${Array.from(random, (byte) => (byte % 36).toString(36)).join('')}`
  listDocument(name, '')
  return name
}

/** Puts a document on the list where it is missing: somebody may open any name by its address. */
export function listDocument(name: string, title: string): void {
  if (documents.has(name)) return mirror(name, 'title', title)
  const entry = new Y.Map<unknown>()
  entry.set('title', title)
  entry.set('updated', Date.now())
  documents.set(name, entry)
}

/** Takes a document off the list; the result puts it back. The document stays at its address. */
export function unlistDocument(entry: Entry): () => void {
  documents.delete(entry.name)
  return () => listDocument(entry.name, entry.title)
}

/** The title of an open document, which the document itself holds; '' where it has none. */
export function titleOf(doc: Y.Doc): string {
  const title = doc.getMap('meta').get('title')
  return typeof title === 'string' ? title : ''
}

/** Sets the title in the document and on the list. */
export function setTitle({ name, doc }: DocumentHandle, title: string): void {
  if (title !== titleOf(doc)) doc.getMap('meta').set('title', title)
  mirror(name, 'title', title)
}

/**
 * Sets the title of a document that is not open. A title set before the present one is here would be concurrent with
 * it, and could lose: so the document is fetched first.
 */
export async function renameDocument(name: string, title: string): Promise<void> {
  const handle = openDocument(name)
  await handle.synced.then(
    () => setTitle(handle, title),
    () => undefined,
  )
  await releaseDocument(handle)
}

/** Notes on the list that somebody typed, every {@link touchMsMin} at most. */
export function touchDocument(name: string): void {
  const entry = documents.get(name)
  const updated = entry instanceof Y.Map ? entry.get('updated') : null
  if (typeof updated === 'number' && Date.now() - updated > touchMsMin) mirror(name, 'updated', Date.now())
}

function mirror(name: string, field: 'title' | 'updated', value: string | number): void {
  const entry = documents.get(name)
  if (entry instanceof Y.Map && entry.get(field) !== value) entry.set(field, value)
}
