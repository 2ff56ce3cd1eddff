import { type Append, type Log, seal, unseal } from '@syncline/protocol'
import type { Database } from './directory.js'

/** What a note is about: a document that somebody is to be told of, or somebody who could not be told of one. */
export type NoteSpace = 'news' | 'aside'

/** A small value that the relay keeps beside the documents; null takes it away. */
export interface Note {
  readonly space: NoteSpace
  /** unique in its space: a document's name, with more after a zero byte where it has several */
  readonly key: string
  /** anything that JSON can say */
  readonly value: unknown
}

/** A log that keeps notes too, in one batch with what they belong to. */
export interface NotingLog extends Log {
  commit(appends: readonly Append[], notes?: readonly Note[]): Promise<void>
  remove(document: string, time: number, notes?: readonly Note[]): Promise<boolean>
  create(document: string, epoch: string, notes?: readonly Note[]): Promise<boolean>
  /** All notes of a space. Those that cannot be read are left out. */
  notes(space: NoteSpace): AsyncIterable<Note>
  /** Writes notes by themselves, without waiting for the disk: the end of the process keeps them, a power cut may not. */
  writeNotes(notes: readonly Note[]): Promise<void>
}

/** Whether a log keeps notes. */
export function keepsNotes(log: Log): log is NotingLog {
  return 'writeNotes' in log
}

type Batch = ReturnType<Database['batch']>

const letters: Readonly<Record<NoteSpace, string>> = { news: 'n', aside: 'a' }
const kind = 0xc
const version = 1

/** Adds notes to a batch. */
export function putNotes(batch: Batch, notes: readonly Note[]): void {
  for (const { space, key, value } of notes) {
    const at = Buffer.from(letters[space] + key)
    if (value === null) batch.del(at)
    else batch.put(at, encodeNote(value))
  }
}

/** Reads the notes of a space. */
export async function* readNotes(database: Database, space: NoteSpace): AsyncGenerator<Note> {
  const letter = letters[space]
  const range = { gte: Buffer.from(letter), lt: Buffer.concat([Buffer.from(letter), Buffer.of(0xff)]) }
  for await (const [key, sealed] of database.iterator(range)) {
    try {
      const value = decodeNote(sealed)
      yield { space, key: Buffer.from(key).toString().slice(1), value }
    } catch {
      // no document is in it: what it stood for is told with the next change
    }
  }
}

/** A note as it is stored: JSON, sealed as every value is. */
export function encodeNote(value: unknown): Uint8Array {
  return seal(Buffer.concat([Buffer.of(0), Buffer.from(JSON.stringify(value)), Buffer.alloc(4)]), kind, version)
}

/** @throws SynclineError `document_damaged`, `unknown_format` */
export function decodeNote(sealed: Uint8Array): unknown {
  return JSON.parse(Buffer.from(unseal(sealed, kind, version, 'The note')).toString())
}
