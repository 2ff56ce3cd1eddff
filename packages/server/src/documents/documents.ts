import { randomBytes } from 'node:crypto'
import { assertDocumentName, type DocumentInfo } from '@syncline/protocol'
import type { RelayContext } from '../connection/context.js'
import { LiveDocument, type Remains } from './liveDocument.js'

// a Y.Doc that nobody has looked at for so long goes; so does, later, the session that follows the document
const replicaIdleMs = 10_000
const documentIdleMs = 30_000
// documents that are followed: each keeps its room in memory
const documentsMax = 1_000
// of what Y.Docs were made from; they take some 15 times as much
const replicaBytesMax = 16 * 1024 * 1024
// documents whose client id is remembered: some 100 bytes each
const remainsMax = 10_000

interface Entry {
  readonly document: LiveDocument
  usedAt: number
}

/**
 * The documents that the server itself works on. Each has a Y.Doc while somebody reads or edits, and all of them are
 * bounded: what was used last stays.
 */
export class Documents {
  readonly #context: RelayContext
  /** the one that was used last comes last */
  readonly #entries = new Map<string, Entry>()
  readonly #remains = new Map<string, Remains>()
  #isSweeping = false

  constructor(context: RelayContext) {
    this.#context = context
  }

  /**
   * The document of this name, for work that begins in this turn.
   *
   * @throws SynclineError `invalid_name`, and what opening the room throws
   */
  open(name: string): LiveDocument {
    assertDocumentName(name, this.#context.limits.nameBytesMax)
    const known = this.#entries.get(name)
    const document = known?.document ?? this.#create(name)
    this.#entries.delete(name)
    if (!document.isOver) this.#entries.set(name, { document, usedAt: this.#context.clock.now() })
    if (!known) this.#shrink()
    this.#sweepLater()
    return document
  }

  /** One that begins anew does not go on where the deleted one ended. */
  forget(name: string): void {
    this.#remains.delete(name)
  }

  /** What the log tells of one document without reading it; null where there is none. */
  async info(name: string): Promise<DocumentInfo | null> {
    const [first] = await this.#context.rooms.list({ prefix: name, limit: 1 })
    return first?.name === name ? first : null
  }

  #create(name: string): LiveDocument {
    const owner = {
      context: this.#context,
      newClientId: () => randomBytes(4).readUInt32LE(),
      ended: (document: LiveDocument, remains: Remains | null) => this.#ended(document, remains),
    }
    return new LiveDocument(name, owner, this.#remains.get(name) ?? null)
  }

  #ended(document: LiveDocument, remains: Remains | null): void {
    const { name } = document
    if (this.#entries.get(name)?.document === document) this.#entries.delete(name)
    this.#remains.delete(name)
    if (remains) this.#remains.set(name, remains)
    if (this.#remains.size > remainsMax) this.#remains.delete(this.#remains.keys().next().value as string)
  }

  #sweepLater(): void {
    if (this.#isSweeping) return
    this.#isSweeping = true
    this.#context.clock.after(replicaIdleMs, () => {
      this.#isSweeping = false
      this.#sweep()
      if (this.#entries.size > 0) this.#sweepLater()
    })
  }

  #sweep(): void {
    const now = this.#context.clock.now()
    for (const entry of [...this.#entries.values()]) {
      const { document, usedAt } = entry
      if (document.isBusy) entry.usedAt = now
      else if (now - usedAt >= documentIdleMs) document.leave()
      else if (now - usedAt >= replicaIdleMs) document.forgetReplica()
    }
  }

  /** Lets go of what was used longest ago, where it is more than it may be. */
  #shrink(): void {
    let bytes = 0
    for (const { document } of this.#entries.values()) bytes += document.replicaBytes
    for (const { document } of [...this.#entries.values()].slice(0, -1)) {
      if (bytes <= replicaBytesMax && this.#entries.size <= documentsMax) return
      if (document.isBusy) continue
      bytes -= document.replicaBytes
      document.forgetReplica()
      if (this.#entries.size > documentsMax) document.leave()
    }
  }
}
