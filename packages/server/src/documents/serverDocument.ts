import type { SynclineError } from '@syncline/protocol'
import * as Y from 'yjs'
import type { DocumentJson } from '../import/json/form.js'
import { documentToJson } from '../import/json/toJson.js'
import type { Coalescer } from './coalescer.js'
import type { Documents } from './documents.js'
import { applyMergePatch } from './patch.js'
import { plainOf } from './plain.js'
import { textOf } from './text.js'
import type { DocumentPoint } from './types.js'
import { assertStorable, type JsonObject, type Storing } from './values.js'

/** A document as it was at one moment, on disk. */
export interface DocumentContent extends DocumentPoint {
  /** what it says, with the types told apart: as `syncline doc export --format json` */
  readonly json: DocumentJson
  /** what it says, as plain values */
  readonly plain: Readonly<Record<string, unknown>>
  /** all of it as one Yjs update */
  readonly update: Uint8Array
  /** its only text or rich text as plain text; null where it has several, or none */
  readonly text: string | null
}

/** How {@link ServerDocument.merge} merges. */
export interface MergeOptions {
  /**
   * Patches of this subject that come within this time become one edit, with the last word on each key: for prices and
   * scores that change faster than anybody reads. Default 0: each is an edit.
   */
  readonly windowMs?: number
  /** how objects and arrays are stored that are new; default `shared` */
  readonly storing?: Storing
}

/**
 * A document, for code that runs in the relay's own process. What it reads is on disk, and what it writes goes the way
 * that the edits of everybody go.
 */
export class ServerDocument {
  readonly name: string
  readonly #documents: Documents
  readonly #coalescer: Coalescer
  readonly #subject: string

  /** @param subject in whose name it is edited; kept in the log with each edit */
  constructor(documents: Documents, coalescer: Coalescer, name: string, subject: string) {
    this.#coalescer = coalescer
    this.#documents = documents
    this.name = name
    this.#subject = subject
  }

  /**
   * Reads all of it. A document that nobody has written is empty, at position 0.
   *
   * @throws SynclineError why it cannot be opened, such as `document_deleted`
   */
  read(): Promise<DocumentContent> {
    return this.#documents.open(this.name).read((doc, point) => ({
      ...point,
      json: documentToJson(doc),
      plain: plainOf(doc),
      update: Y.encodeStateAsUpdate(doc),
      text: textOf(doc),
    }))
  }

  /**
   * Edits it: `edit` changes the Y.Doc, without waiting for anything and without keeping it. What it changes is one
   * update, which goes into the log as a whole; where `edit` throws, nothing does.
   *
   * @returns the version that has the edit, once it is on disk
   * @throws SynclineError why it could not be written, and whatever `edit` throws
   */
  transact(edit: (doc: Y.Doc) => void): Promise<DocumentPoint> {
    return this.#documents.open(this.name).write({ author: { subject: this.#subject }, make: { run: edit } })
  }

  /**
   * Applies a merge patch (RFC 7396) to its plain form, by small edits: texts are edited where they differ, and items of
   * lists that stay are the same items.
   *
   * @throws SynclineError `wrong_type`, `unstorable_value`, and why it could not be written
   */
  async merge(patch: JsonObject, options: MergeOptions = {}): Promise<DocumentPoint> {
    assertStorable(patch)
    const { windowMs = 0, storing = 'shared' } = options
    if (windowMs === 0) return this.transact((doc) => applyMergePatch(doc, patch, storing))
    const document = this.#documents.open(this.name)
    return this.#coalescer.merge(document, { subject: this.#subject }, patch, { windowMs, storing })
  }

  /**
   * Tells of changes, of whomever, once they are on disk. Several may be told as one.
   *
   * @param ended the document is not observed any more: it was deleted, its storage failed or the relay stops
   * @returns ends it
   */
  observe(changed: (point: DocumentPoint) => void, ended: (error: SynclineError) => void = () => {}): () => void {
    return this.#documents.open(this.name).observe({ changed, ended })
  }
}
