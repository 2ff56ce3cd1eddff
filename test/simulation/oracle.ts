import {
  admitUpdate,
  Coverage,
  defaultLimits,
  isSeedClient,
  type LocalCopy,
  mergeUpdates,
  partSeed,
  type RefusedRow,
  type SessionReply,
  type SessionRequest,
} from '@syncline/protocol'
import * as Y from 'yjs'
import type { SimReplica } from './client.js'
import type { Disk } from './log.js'
import type { SimDatabase } from './store.js'

interface Edit {
  readonly update: Uint8Array
  readonly changes: number
  /** how many changes of its replica there were before */
  readonly before: number
  /** how many changes it stands for is not known */
  readonly isLoose?: true
}

/** Something typed that must be found in the end. */
interface Owed {
  readonly document: string
  readonly update: Uint8Array
  /** where it was kept */
  readonly database: SimDatabase | null
}

/**
 * Knows what was promised and checks each promise at the moment it is made: acknowledged means on disk, shown means on
 * disk, synced means that everything acknowledged before is here. And that nobody speaks out of turn.
 */
export class Oracle {
  readonly #disk: Disk
  /** by replica, those that it has not seen acknowledged */
  readonly #edits = new Map<SimReplica, Edit[]>()
  /** what was kept in a database when its tab was closed, and not acknowledged */
  readonly #owed: Owed[] = []
  /** by replica, its edits that were set aside */
  readonly #setAside = new Map<SimReplica, Edit[]>()
  /** in the order of their acks; `promised` is false while only clients have what the disk forgot */
  readonly #acknowledged: { readonly document: string; readonly update: Uint8Array; promised: boolean }[] = []
  readonly #refusedBy = new Map<SimReplica, readonly RefusedRow[]>()
  readonly #refused: { readonly document: string; readonly code: string; readonly update: Uint8Array }[] = []
  /** the sessions to which the relay has spoken */
  readonly #spoken = new Set<SimReplica>()

  constructor(disk: Disk) {
    this.#disk = disk
  }

  edited(replica: SimReplica, update: Uint8Array, changes = 1): void {
    this.#add(replica, { update, changes, before: replica.peer.edits })
  }

  #add(replica: SimReplica, edit: Edit): void {
    const edits = this.#edits.get(replica)
    if (edits) edits.push(edit)
    else this.#edits.set(replica, [edit])
  }

  /**
   * A copy was read, late perhaps. What it holds that is not known to be saved counts as edits.
   *
   * @param added how many changes came with it: less where the replica itself had written some of these rows
   */
  loaded(replica: SimReplica, { rows, epoch }: LocalCopy, sessionEpoch: string | null, added: number): void {
    const unsaved = rows
      .filter((row) => !row.saved || (sessionEpoch !== null && epoch !== sessionEpoch))
      // first content is nobody's change, also where it was packed with some
      .flatMap((row) => {
        const update = isDeep(row.update) ? row.update : withoutSeed(row.update)
        return update ? [{ ...row, update }] : []
      })
    if (added === unsaved.reduce((sum, row) => sum + row.changes, 0)) {
      let before = replica.peer.edits - added
      for (const { update, changes } of unsaved) {
        this.#add(replica, { update, changes, before })
        before += changes
      }
      return
    }
    // which of them it has written is not known here: all are owed once nothing is pending
    const updates = [...(this.#edits.get(replica) ?? []), ...unsaved].map(({ update }) => update)
    this.#edits.set(
      replica,
      updates.map((update) => ({ update, changes: 0, before: 0, isLoose: true })),
    )
  }

  acknowledged(replica: SimReplica): void {
    const edits = this.#edits.get(replica) ?? []
    if (edits[0]?.isLoose && replica.peer.pending > 0) return
    let acknowledged = edits.reduce((sum, edit) => sum + edit.changes, 0) - replica.peer.pending
    while (edits.length > 0 && edits[0]!.changes <= acknowledged) {
      const { update, changes } = edits.shift()!
      acknowledged -= changes
      if (!this.#isDurable(replica.name, update)) throw new Error(`${replica.name}: acknowledged, but not on disk`)
      this.#acknowledged.push({ document: replica.name, update, promised: true })
    }
  }

  /** What a Peer has set aside is promised no more, but to be kept; and of what no relay takes, none is ever on disk. */
  refused(replica: SimReplica): void {
    const { refused } = replica.peer
    if (this.#refusedBy.get(replica) === refused) return
    this.#refusedBy.set(replica, refused)
    for (const { code, update } of refused) this.#refused.push({ document: replica.name, code, update })
    const updates = refused.map(({ update }) => update)
    const edits = this.#edits.get(replica) ?? []
    const isRefused = new Set(edits.filter(({ update }) => isPartOf(update, updates)))
    this.#edits.set(
      replica,
      edits.filter((edit) => !isRefused.has(edit)),
    )
    this.#setAside.set(replica, [...(this.#setAside.get(replica) ?? []), ...isRefused])
  }

  /** how many times something was set aside */
  get refusals(): number {
    return this.#refused.length
  }

  /** A tab is closed without warning: what it said is kept must come to the relay in the end. */
  closed(replica: SimReplica): void {
    const { kept, saved, edits, refused } = replica.peer
    const { name: document, database } = replica
    const all = [...(this.#edits.get(replica) ?? []), ...(this.#setAside.get(replica) ?? [])]
    for (const { update, changes, before, isLoose } of all) {
      // what was set aside between leaves no numbers to go by where they are not known
      const isKept = isLoose ? (refused.length > 0 ? kept === edits : saved <= kept) : before + changes <= kept
      if (isKept) this.#owed.push({ document, update, database })
    }
  }

  /** What was set aside in a tab that is there is kept, and shown to whoever asks. */
  checkRefused(replica: SimReplica): void {
    const { name, peer, database } = replica
    const edits = (this.#setAside.get(replica) ?? []).map(({ update }) => update)
    const lists = [peer.refused, ...(database ? [database.copy.refused] : [])]
    for (const rows of lists) {
      const updates = rows.map(({ update }) => update)
      if (edits.some((update) => !isPartOf(update, updates))) throw new Error(`${name}: something refused is lost`)
    }
  }

  get acknowledgements(): number {
    return this.#acknowledged.length
  }

  shown(replica: Pick<SimReplica, 'name'>, update: Uint8Array): void {
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
  saved(replica: Pick<SimReplica, 'name' | 'doc'>): void {
    const coverage = this.#disk.documents.get(replica.name)?.coverage ?? new Coverage()
    for (const [client, clock] of Y.decodeStateVector(Y.encodeStateVector(replica.doc))) {
      // first content is nobody's change, and a copy that is read late can bring some that will be withdrawn
      if (!isSeedClient(client) && clock > coverage.clock(client))
        throw new Error(`${replica.name}: called saved, but not on disk`)
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
    const owed = this.#owed.filter((each) => each.document === document)
    const clocks = Y.decodeStateVector(Y.encodeStateVector(fresh))
    if ([...clocks.keys()].filter(isSeedClient).length > 1) throw new Error(`${document}: first content is there twice`)
    const content = JSON.stringify([fresh.getText('text').toDelta(), fresh.getMap('map').toJSON()])
    if (/(too long ){70}|\[\[\[\[/.test(content)) throw new Error(`${document}: something refused is in the log`)
    if (owed.some((each) => !isThere(each, fresh))) throw new Error(`${document}: something that was kept is lost`)
    if (!contains(fresh, all)) throw new Error(`${document}: something acknowledged is not in the log`)
  }

  #isDurable(document: string, update: Uint8Array): boolean {
    const coverage = this.#disk.documents.get(document)?.coverage ?? new Coverage()
    return addsNothing(coverage, update)
  }
}

/** Whether a relay calls it malformed: what is kept of it may have been overwritten since, and be taken. */
export function isDeep(update: Uint8Array): boolean {
  try {
    new Coverage().add(update)
    return false
  } catch {
    return true
  }
}

/** Null where it is nothing but first content. */
function withoutSeed(update: Uint8Array): Uint8Array | null {
  const parts = partSeed(update)
  return parts ? parts.rest : update
}

/** In the log, or beside the copy. */
function isThere({ update, database }: Owed, fresh: Y.Doc): boolean {
  return isKeptIn(update, database?.copy.refused ?? [], fresh)
}

/** Whether something typed is in a document, or set aside beside it. */
export function isKeptIn(update: Uint8Array, refused: readonly Pick<RefusedRow, 'update'>[], fresh: Y.Doc): boolean {
  const updates = refused.map((row) => row.update)
  if (isPartOf(update, updates)) return true
  if (!isDeep(update)) return contains(fresh, [update])
  const clocks = Y.decodeStateVector(Y.encodeStateVector(fresh))
  return isReached(update, (client) => clocks.get(client) ?? 0)
}

/** What was too deep, and has been overwritten since: it went without. */
export function isReached(update: Uint8Array, clockOf: (client: number) => number): boolean {
  return Y.decodeUpdate(update).structs.every(({ id, length }) => id.clock + length <= clockOf(id.client))
}

/** Whether all structs and deletions of an update are in one of others. */
function isPartOf(update: Uint8Array, others: readonly Uint8Array[]): boolean {
  const { structs, ds } = Y.decodeUpdate(update)
  return others.some((other) => {
    const whole = Y.decodeUpdate(other)
    const isThere = ({ id, length }: (typeof structs)[number]) => {
      // others may have cut it by what they deleted
      let { clock } = id
      const holds = (struct: (typeof structs)[number]) =>
        struct.id.client === id.client && struct.id.clock <= clock && clock < struct.id.clock + struct.length
      for (let part = whole.structs.find(holds); part; part = whole.structs.find(holds)) {
        clock = part.id.clock + part.length
        if (clock >= id.clock + length) return true
      }
      return false
    }
    const areDeleted = [...ds.clients].every(([client, ranges]) =>
      ranges.every(({ clock, len }) =>
        whole.ds.clients.get(client)?.some((range) => range.clock <= clock && clock + len <= range.clock + range.len),
      ),
    )
    return structs.every(isThere) && areDeleted
  })
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
