import {
  admitUpdate,
  Coverage,
  defaultLimits,
  type LocalCopy,
  mergeUpdates,
  type SessionReply,
  type SessionRequest,
} from '@syncline/protocol'
import * as Y from 'yjs'
import type { SimReplica } from './client.js'
import type { Disk } from './log.js'

/**
 * Knows what was promised and checks each promise at the moment it is made: acknowledged means on disk, shown means on
 * disk, synced means that everything acknowledged before is here. And that nobody speaks out of turn.
 */
export class Oracle {
  readonly #disk: Disk
  /** by replica, those that it has not seen acknowledged */
  readonly #edits = new Map<SimReplica, { readonly update: Uint8Array; readonly changes: number }[]>()
  /** what was kept in a database when its tab was closed, and not acknowledged */
  readonly #owed: { readonly document: string; readonly update: Uint8Array }[] = []
  /** in the order of their acks; `promised` is false while only clients have what the disk forgot */
  readonly #acknowledged: { readonly document: string; readonly update: Uint8Array; promised: boolean }[] = []
  /** the sessions to which the relay has spoken */
  readonly #spoken = new Set<SimReplica>()

  constructor(disk: Disk) {
    this.#disk = disk
  }

  edited(replica: SimReplica, update: Uint8Array, changes = 1): void {
    const edits = this.#edits.get(replica)
    if (edits) edits.push({ update, changes })
    else this.#edits.set(replica, [{ update, changes }])
  }

  /**
   * A copy was read, late perhaps. What it holds that is not known to be saved counts as edits.
   *
   * @param added how many changes came with it: less where the replica itself had written some of these rows
   */
  loaded(replica: SimReplica, { rows, epoch }: LocalCopy, sessionEpoch: string | null, added: number): void {
    const unsaved = rows.filter((row) => !row.saved || (sessionEpoch !== null && epoch !== sessionEpoch))
    if (added === unsaved.reduce((sum, row) => sum + row.changes, 0)) {
      for (const { update, changes } of unsaved) this.edited(replica, update, changes)
      return
    }
    // which of them it has written is not known here: all are owed once nothing is pending
    const updates = [...(this.#edits.get(replica) ?? []), ...unsaved].map(({ update }) => update)
    const changes = replica.peer.pending
    this.#edits.set(replica, changes > 0 ? [{ update: mergeUpdates(updates), changes }] : [])
  }

  acknowledged(replica: SimReplica): void {
    const edits = this.#edits.get(replica) ?? []
    let acknowledged = edits.reduce((sum, edit) => sum + edit.changes, 0) - replica.peer.pending
    while (edits.length > 0 && edits[0]!.changes <= acknowledged) {
      const { update, changes } = edits.shift()!
      acknowledged -= changes
      if (!this.#isDurable(replica.name, update)) throw new Error(`${replica.name}: acknowledged, but not on disk`)
      this.#acknowledged.push({ document: replica.name, update, promised: true })
    }
  }

  /** A tab is closed without warning: what it said is kept must come to the relay in the end. */
  closed(replica: SimReplica): void {
    let count = replica.peer.saved
    for (const { update, changes } of this.#edits.get(replica) ?? []) {
      count += changes
      if (count <= replica.peer.kept) this.#owed.push({ document: replica.name, update })
    }
  }

  get acknowledgements(): number {
    return this.#acknowledged.length
  }

  shown(replica: SimReplica, update: Uint8Array): void {
    if (!this.#isDurable(replica.name, update)) throw new Error(`${replica.name}: shown, but not on disk`)
  }

  sent(replica: SimReplica, request: SessionRequest): void {
    if (request.type === 'open') this.#spoken.delete(replica)
    else if (!this.#spoken.has(replica)) throw new Error(`${replica.name}: ${request.type} sent before the relay spoke`)
  }

  received(replica: SimReplica, reply: SessionReply): void {
    if (reply.type === 'opened') this.#spoken.add(replica)
  }

  synced(replica: SimReplica, acknowledgedAtOpen: number): void {
    const promised = this.#acknowledged
      .slice(0, acknowledgedAtOpen)
      .filter((each) => each.document === replica.name && each.promised)
    const missing = !contains(
      replica.doc,
      promised.map((each) => each.update),
    )
    if (missing) throw new Error(`${replica.name}: synced, but something acknowledged is missing`)
  }

  /** It calls all saved that it has, whoever wrote it. */
  saved(replica: SimReplica): void {
    const coverage = this.#disk.documents.get(replica.name)?.coverage ?? new Coverage()
    for (const [client, clock] of Y.decodeStateVector(Y.encodeStateVector(replica.doc))) {
      if (clock > coverage.clock(client)) throw new Error(`${replica.name}: called saved, but not on disk`)
    }
  }

  /** The disk went back: what it lacks is promised again only when clients have brought it back. */
  forgotten(): void {
    const coverages = new Map<string, Coverage>()
    for (const each of this.#acknowledged) {
      const coverage = coverages.get(each.document) ?? this.#disk.coverageOf(each.document)
      const durable = addsNothing(coverage, each.update)
      each.promised &&= durable
      // judging has added what was new: the next one is judged against what is really there
      coverages.set(each.document, durable ? coverage : this.#disk.coverageOf(each.document))
    }
  }

  /** Everything ever acknowledged is in what a fresh load of the log gives, at the end also what a disk had forgotten. */
  checkLog(document: string, fresh: Y.Doc): void {
    const all = this.#acknowledged.filter((each) => each.document === document).map((each) => each.update)
    const owed = this.#owed.filter((each) => each.document === document).map((each) => each.update)
    if (!contains(fresh, owed)) throw new Error(`${document}: something that was kept is lost`)
    if (!contains(fresh, all)) throw new Error(`${document}: something acknowledged is not in the log`)
  }

  #isDurable(document: string, update: Uint8Array): boolean {
    const coverage = this.#disk.documents.get(document)?.coverage ?? new Coverage()
    return addsNothing(coverage, update)
  }
}

function contains(doc: Y.Doc, updates: readonly Uint8Array[]): boolean {
  if (updates.length === 0) return true
  const coverage = new Coverage()
  coverage.add(Y.encodeStateAsUpdate(doc))
  return addsNothing(coverage, mergeUpdates(updates))
}

// judging adds what is new to the coverage: where something was, the world ends with an error anyway
function addsNothing(coverage: Coverage, update: Uint8Array): boolean {
  const admission = admitUpdate(coverage, update, defaultLimits)
  return admission.update === null && admission.complete
}
