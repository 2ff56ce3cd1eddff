import type { Head, Log, StoredDocument } from '@syncline/protocol'
import { openLevelLog } from '@syncline/server'
import * as Y from 'yjs'
import { holds } from '../support/holds.js'

/** Who is told what clients hear from a relay. */
export interface Witness {
  /** an update is saved, its author was told */
  acknowledge(document: string, update: Uint8Array): void
  /** an update was shown to somebody who did not write it */
  show(document: string, update: Uint8Array): void
  /** the log goes through this point: what it has up to there is what it has for ever */
  pass(document: string, point: Head): void
  /** a client noticed by itself that the relay does not keep its word */
  contradict(fact: string): void
}

/** What a relay has promised of one document. */
interface Promised {
  /** all that was acknowledged or shown */
  readonly doc: Y.Doc
  /** the same, not yet in `doc` */
  readonly updates: Uint8Array[]
  point: Head
}

/**
 * What clients were told: that an update is saved, or what others wrote. From then on it is in the log, whatever
 * happens to the relay.
 */
export class Oracle implements Witness {
  readonly #documents = new Map<string, Promised>()
  readonly #contradictions: string[] = []
  #acknowledged = 0
  #shown = 0

  /** updates that were acknowledged */
  get acknowledged(): number {
    return this.#acknowledged
  }

  /** updates that were shown to somebody who did not write them */
  get shown(): number {
    return this.#shown
  }

  get documents(): string[] {
    return [...this.#documents.keys()]
  }

  /** What has been promised so far. */
  copy(): Oracle {
    const copy = new Oracle()
    for (const [document, promised] of this.#documents) {
      integrate(promised)
      copy.show(document, Y.encodeStateAsUpdate(promised.doc))
      copy.pass(document, promised.point)
    }
    return copy
  }

  /** It was deleted on purpose: nothing of it is promised any more. */
  forget(document: string): void {
    this.#documents.delete(document)
  }

  acknowledge(document: string, update: Uint8Array): void {
    this.#acknowledged++
    this.#promised(document).updates.push(update)
  }

  show(document: string, update: Uint8Array): void {
    this.#shown++
    this.#promised(document).updates.push(update)
  }

  pass(document: string, point: Head): void {
    const promised = this.#promised(document)
    if (point.position > promised.point.position) promised.point = point
  }

  contradict(fact: string): void {
    this.#contradictions.push(fact)
  }

  /** What the log in a data directory lacks of all that. */
  async missingOnDisk(directory: string): Promise<string[]> {
    const log = await openLevelLog(directory)
    try {
      return await this.missingIn(log)
    } finally {
      await log.close()
    }
  }

  /** What a log lacks of all that. */
  async missingIn(log: Pick<Log, 'read'>): Promise<string[]> {
    const missing = [...this.#contradictions]
    for (const document of this.documents) {
      const stored = await log.read(document).catch((error: unknown) => String(error))
      if (typeof stored === 'string') missing.push(`${document}: ${stored}`)
      else missing.push(...this.#missing(document, stored))
    }
    return missing
  }

  /** What a replica lacks of what was promised of a document. */
  missingInReplica(document: string, replica: Y.Doc): string[] {
    const promised = this.#promised(document)
    integrate(promised)
    const { doc } = promised
    if (isPending(doc)) return [`${document}: what was promised refers to what was not`]
    if (isPending(replica)) return [`${document}: it refers to what is not there`]
    const structs = [...doc.store.clients.values()].map((structs) => structs.at(-1)!)
    const lost = structs.filter((struct) => !holds(replica, { structs: [struct], ds: noDeletes }))
    const faults = lost.map(({ id, length }) => {
      const clock = Y.getState(replica.store, id.client)
      return `${document}: of client ${id.client}, ${id.clock + length} were promised and ${clock} are there`
    })
    if (faults.length > 0 || holds(replica, { structs: [], ds: Y.createDeleteSetFromStructStore(doc.store) }))
      return faults
    return [`${document}: something is there that was deleted`]
  }

  #missing(document: string, stored: StoredDocument | null): string[] {
    const { point } = this.#promised(document)
    const faults = this.missingInReplica(document, replicaOf(stored))
    if (!goesThrough(stored, point)) faults.push(`${document}: it does not go through record ${point.position}`)
    return faults
  }

  #promised(document: string): Promised {
    const known = this.#documents.get(document)
    if (known !== undefined) return known
    const promised = { doc: new Y.Doc({ gc: false }), updates: [], point: { position: 0, chain: 0 } }
    this.#documents.set(document, promised)
    return promised
  }
}

function integrate({ doc, updates }: Promised): void {
  doc.transact(() => {
    for (const update of updates.splice(0)) Y.applyUpdate(doc, update)
  })
}

const noDeletes = Y.createDeleteSet()

/** A fresh load of what a log has of a document. */
export function replicaOf(stored: StoredDocument | null): Y.Doc {
  const doc = new Y.Doc({ gc: false })
  doc.transact(() => {
    if (stored?.base) Y.applyUpdate(doc, stored.base)
    for (const { runs } of stored?.records ?? []) for (const { update } of runs) Y.applyUpdate(doc, update)
  })
  return doc
}

/** Where the records were compacted there is nothing to compare. */
function goesThrough(stored: StoredDocument | null, { position, chain }: Head): boolean {
  if (position === 0) return true
  if (stored === null) return false
  const { start, records } = stored
  if (position < start.position) return true
  return (position === start.position ? start : records[position - start.position - 1])?.chain === chain
}

function isPending({ store }: Y.Doc): boolean {
  return store.pendingStructs !== null || store.pendingDs !== null
}
