import type { LogPoint } from '../log/port.js'
import { emptyStateVector, mergeUpdates } from '../updates/index.js'
import type { CopyWrite, LocalCopy, RefusedRow, RowId } from './copy.js'
import { type Acknowledged, type Edit, isReadable, type Outbox } from './outbox.js'
import { addRowTo, restOf, vectorBefore } from './rest.js'
import type { Replica } from './types.js'
import { isSamePoint } from './within.js'

/** An update that becomes a row. */
interface Item {
  readonly update: Uint8Array
  /** the local edits in it; none where it came from the relay */
  edits: readonly Edit[]
  /** without edits: the relay has it on disk */
  saved: boolean
}

/** One row in place of others. */
interface Pack {
  readonly item: Item
  readonly remove: readonly RowId[]
  /** it is the whole state of the replica */
  readonly whole: boolean
}

/** The write that is on its way to the store. */
interface Flight {
  readonly write: CopyWrite
  readonly items: readonly Item[]
  readonly pack: Pack | null
  readonly notes: Notes
  /** with it, the first so many local changes are in the copy */
  readonly edits: number
}

/** What a write tells beside its rows. */
interface Notes {
  readonly refuse: readonly RefusedRow[]
  readonly letGo: readonly string[]
  readonly restart: boolean
  readonly deleted: boolean
  readonly syncedAt?: number
}

/** no client sections, no delete set */
const nothing = new Uint8Array(2)

const noNotes: Notes = { refuse: [], letGo: [], restart: false, deleted: false }

/** What a row costs beside its bytes, in the database and on loading. */
const rowBytes = 256

/** Rows are packed once they have grown by this much and have doubled: so no byte is written again and again. */
export const packBytesMin = 64 * 1024

/**
 * What the local copy has of a document, and what is to be written to it next. One write is under way at a time, and
 * the next one takes everything that has gathered.
 *
 * Invariants: rows are written in the order in which their updates came to the replica. A resume point is written with
 * all rows that came before it. A row counts as saved only where the relay has all of it on disk. Only rows whose
 * content is in the replica are removed, and in the transaction that writes what takes their place.
 */
export class CopyQueue {
  #at: 'unread' | 'none' | 'ready' | 'writing' | 'rereading' | 'failed' = 'unread'
  /** somebody else may have written to it since it was read */
  #isStale = false
  #flight: Flight | null = null
  #waiting: Item[] = []
  /** the rows that this replica knows, with what they weigh */
  readonly #rows = new Map<RowId, number>()
  /** those that the copy does not call saved */
  readonly #unmarked = new Set<RowId>()
  /** those of them that the relay has on disk */
  readonly #marks = new Set<RowId>()
  #epoch: string | null = null
  /** as it was written last */
  #resume: LogPoint | null = null
  /** the copy may lack something that the replica has */
  #incomplete = false
  /** other tabs brought something since the replica was made */
  #borrowed = false
  /** the relay was told that this is here: no resume point is written before the copy surely has it */
  #claimed = false
  /** edits that were set aside, and whose rows are to go */
  #aside: Edit[] = []
  /** rows that are to go with those, and that a write has not removed yet */
  readonly #drops = new Set<RowId>()
  #notes: Notes = noNotes
  /** what the replica was made anew from: all that the relay had, and edits */
  #rebuilt: { readonly content: Uint8Array; readonly edits: readonly Edit[] } | null = null
  /** a pack that is made already */
  #pack: Pack | null = null
  #bytes = 0
  /** what was written since the last pack */
  #tail = 0
  #kept = 0
  readonly #packBytesMin: number

  constructor(packBytes: number) {
    this.#packBytesMin = packBytes
  }

  /** the first so many local changes are in the copy */
  get kept(): number {
    return this.#kept
  }

  /** the copy is being read or written */
  get busy(): boolean {
    return this.#at === 'unread' || this.#at === 'writing' || this.#at === 'rereading'
  }

  /** the copy was read before, and is being read again */
  get isReread(): boolean {
    return this.#at === 'rereading'
  }

  /** The row is in the replica. */
  knows(row: RowId): boolean {
    return this.#rows.has(row)
  }

  /** Others may have written to the copy, also since a read began. True where it can be read again now. */
  reread(): boolean {
    this.#isStale = true
    return this.#at === 'ready'
  }

  /** True where the copy is to be read again now; nothing is written before that is done. */
  beginReading(): boolean {
    if (!this.#isStale || this.#at !== 'ready') return false
    this.#isStale = false
    this.#at = 'rereading'
    return true
  }

  /** There is no copy, or it is lost: nothing is gathered for it until one is attached. */
  forgo(): void {
    this.#at = 'none'
    this.#flight = this.#pack = this.#resume = this.#rebuilt = null
    this.#aside = []
    this.#drops.clear()
    this.#notes = noNotes
    this.#waiting = []
    this.#rows.clear()
    this.#unmarked.clear()
    this.#marks.clear()
    this.#bytes = this.#tail = this.#kept = 0
  }

  /** The copy was read, and its content is in the replica. Its rows that are not saved are edits from here on. */
  attach(copy: LocalCopy, outbox: Outbox): void {
    if (this.#at === 'none') return this.#attachLate(copy, outbox)
    if (this.#at === 'rereading') return this.#attachNews(copy, outbox)
    for (const { id, update, changes, saved } of copy.rows) {
      this.#addRow(id, update)
      if (saved) continue
      this.#unmarked.add(id)
      addRowTo(outbox, update, changes, id)
    }
    this.#epoch = copy.epoch
    this.#resume = copy.resume
    this.#tail = this.#bytes - Math.max(0, ...this.#rows.values())
    this.#at = 'ready'
    if (this.#waiting.length === 0 && this.#notes === noNotes) this.#kept = outbox.edits
    if (this.#isHeavy && this.#unmarked.size > 0) this.#pack = packSaved(copy)
  }

  /** What others wrote is in the replica now. Where nobody has called it saved, it is for this replica to send. */
  #attachNews(copy: LocalCopy, outbox: Outbox): void {
    // what the replica was made anew from has none of the news
    this.#packRebuilt()
    const current = this.#epoch === null || this.#epoch === copy.epoch
    for (const { id, update, changes, saved } of copy.rows) {
      if (this.#rows.has(id)) continue
      this.#addRow(id, update)
      if (saved && current) continue
      this.#unmarked.add(id)
      addRowTo(outbox, update, changes, id)
    }
    this.#resume = copy.resume
    if (this.#waiting.length === 0 && this.#notes === noNotes) this.#kept = outbox.edits
    this.#at = 'ready'
  }

  /** While there was no copy, nothing was gathered: it gets the whole state. */
  #attachLate(copy: LocalCopy, outbox: Outbox): void {
    const current = this.#epoch === null || this.#epoch === copy.epoch
    const mine = new Map(outbox.unsaved.map((edit) => [String(edit.update), edit]))
    for (const edit of outbox.unsaved) edit.row = null
    for (const { id, update, changes, saved } of copy.rows) {
      this.#addRow(id, update)
      if (saved && current) continue
      this.#unmarked.add(id)
      const edit = mine.get(String(update))
      // two tabs may have written the same
      if (edit?.row === null) edit.row = id
      else addRowTo(outbox, update, changes, id)
    }
    this.#epoch ??= copy.epoch
    this.#resume = copy.resume
    this.#incomplete = true
    this.#at = 'ready'
  }

  /** A local change. */
  edited(edit: Edit): void {
    if (this.#at !== 'none') this.#waiting.push({ update: edit.update, edits: [edit], saved: false })
  }

  /** An update of the relay. */
  received(update: Uint8Array): void {
    if (this.#at !== 'none') this.#waiting.push({ update, edits: [], saved: true })
  }

  /** A session has begun. In another epoch nobody knows what the relay has, until {@link exchanged}. */
  enter(epoch: string): void {
    if (epoch === this.#epoch) return
    this.#epoch = epoch
    this.#marks.clear()
    for (const id of this.#rows.keys()) this.#unmarked.add(id)
    for (const item of this.#unwritten) {
      item.edits = item.edits.filter((edit) => !edit.saved)
      item.saved = false
    }
  }

  /** The relay has these edits on disk. */
  acknowledged({ edits, answered }: Acknowledged, outbox: Outbox): void {
    const shared = outbox.firstUnsaved?.row
    for (const { row } of edits) if (row !== shared) this.#mark(row)
    if (answered) this.exchanged(outbox)
  }

  /** What is here and not in the outbox, the relay has, or will never get from here. */
  exchanged(outbox: Outbox): void {
    const unsaved = new Set(outbox.unsaved.map((edit) => edit.row))
    for (const id of this.#unmarked) if (!unsaved.has(id)) this.#mark(id)
    for (const item of this.#unwritten) item.saved = true
  }

  /** The replica has something that came here by no update. */
  distrust(): void {
    this.#incomplete = true
  }

  /** Another tab brought something to the replica. What the relay has of it comes from there too. */
  borrowed(): void {
    this.#borrowed = true
  }

  /** Other tabs brought something since the replica was made. */
  get hasBorrowed(): boolean {
    return this.#borrowed
  }

  /** The relay was told of all that is in the replica, and will bring none of that. */
  claimed(): void {
    this.#claimed ||= this.#borrowed
  }

  /** These edits are no part of the document any more: their rows go, and are kept as `refused`. */
  setAside(edits: ReadonlySet<Edit>, notes: Partial<Notes>): void {
    if (this.#at === 'none') return
    this.#aside.push(...edits)
    this.#waiting = this.#waiting.filter((item) => !item.edits.some((edit) => edits.has(edit)))
    this.note({ ...notes, restart: true })
  }

  /** Something to be written beside rows. */
  note({ refuse = [], letGo = [], restart = false, deleted = false, ...when }: Partial<Notes>): void {
    if (this.#at === 'none') return
    this.#notes = {
      ...this.#notes,
      ...when,
      refuse: [...this.#notes.refuse.filter(({ id }) => !letGo.includes(id)), ...refuse],
      letGo: [...this.#notes.letGo, ...letGo],
      restart: this.#notes.restart || restart,
      deleted: this.#notes.deleted || deleted,
    }
  }

  /** The replica was made anew: from this, which is all that the relay has, and from what is in the outbox. */
  rebuild(content: Uint8Array | null, outbox: Outbox): void {
    this.#borrowed = this.#claimed = false
    if (this.#at === 'none') return
    if (this.#incomplete) this.#gatherAgain(outbox)
    this.#rebuilt = { content: content ?? nothing, edits: outbox.unsaved }
    this.#waiting = this.#waiting.filter((item) => item.edits.some((edit) => !edit.saved))
    this.#pack = null
    this.#incomplete = false
  }

  /** What to write now, or null. `replica` is null while it has what was set aside; `resume` is where the replica is, `now` when. */
  next(outbox: Outbox, replica: Replica | null, resume: LogPoint | null, now: number): CopyWrite | null {
    if (this.#at !== 'ready') return null
    this.#dropAside(outbox)
    if (this.#incomplete) this.#gatherAgain(outbox)
    const pack = replica && this.#nextPack(outbox, replica)
    // what came from the relay may be on its way to the replica still
    const waiting = pack?.whole
      ? this.#waiting.filter((item) => item.edits.length === 0 || !isSaved(item))
      : this.#waiting
    const items = pack ? [pack.item, ...waiting] : waiting
    const isWhole = pack?.whole || !(this.#incomplete || this.#claimed)
    const moved = isWhole && resume !== null && !isSamePoint(resume, this.#resume)
    const notes = this.#notes
    const idle = this.#drops.size === 0 && notes === noNotes
    if (items.length === 0 && this.#marks.size === 0 && !moved && idle) return null
    const append = items.map((item) => ({ update: item.update, changes: changesOf(item), saved: isSaved(item) }))
    const claims = moved || this.#marks.size > 0 || append.some((row) => row.saved)
    const write: CopyWrite = {
      epoch: claims ? this.#epoch : null,
      append,
      saved: [...this.#marks],
      remove: [...this.#drops, ...(pack?.remove ?? [])],
      resume: moved ? resume : null,
      ...(notes === noNotes ? {} : notes),
      ...(moved && outbox.pending === 0 && now > 0 ? { syncedAt: now } : {}),
    }
    this.#flight = { write, items, pack, notes, edits: outbox.edits }
    this.#waiting = []
    this.#marks.clear()
    this.#drops.clear()
    this.#notes = noNotes
    if (notes.restart) this.#resume = null
    if (pack?.whole) this.#incomplete = this.#claimed = false
    this.#at = 'writing'
    return write
  }

  /** The write is on disk, and its rows have these ids. */
  written(ids: readonly RowId[], outbox: Outbox): void {
    if (this.#flight === null) return
    const { write, items, pack, edits } = this.#flight
    const current = write.epoch === null || write.epoch === this.#epoch
    for (const id of write.remove) this.#removeRow(id)
    if (current) for (const id of write.saved) this.#unmarked.delete(id)
    for (const [index, item] of items.entries()) {
      const id = ids[index]!
      this.#addRow(id, item.update)
      for (const edit of item.edits) edit.row = id
      if (!write.append[index]!.saved || !current) this.#unmarked.add(id)
      if (isSaved(item)) this.#mark(id)
    }
    if (write.resume) this.#resume = write.resume
    if (pack) this.#tail = 0
    if (pack && pack.item.edits.length > 0) outbox.squash(pack.item.edits, pack.item.update, ids[0]!)
    if (pack === this.#pack) this.#pack = null
    this.#kept = edits
    this.#flight = null
    this.#at = 'ready'
  }

  /** The store could not write: what was to be written waits for {@link retry}. */
  failed(): void {
    if (this.#flight === null) return
    const { write, items, pack, notes } = this.#flight
    const aside = new Set(this.#aside)
    const again = items.filter((item) => item !== pack?.item && !item.edits.some((edit) => aside.has(edit)))
    this.#waiting = [...again, ...this.#waiting]
    for (const id of write.remove) if (!pack?.remove.includes(id)) this.#drops.add(id)
    const newer = this.#notes
    this.#notes = notes
    if (newer !== noNotes) this.note(newer)
    if (write.epoch === this.#epoch) for (const id of write.saved) this.#mark(id)
    if (pack?.whole) this.#incomplete = true
    this.#flight = null
    this.#at = 'failed'
  }

  /** The store is worth another try. */
  retry(): void {
    if (this.#at === 'failed') this.#at = 'ready'
  }

  get #unwritten(): Item[] {
    const packed = this.#pack && this.#pack !== this.#flight?.pack ? [this.#pack.item] : []
    return [...(this.#flight?.items ?? []), ...packed, ...this.#waiting]
  }

  get #isHeavy(): boolean {
    return this.#tail > Math.max(this.#packBytesMin, this.#bytes - this.#tail)
  }

  /** The rows of what was set aside go; edits that share them get rows of their own. */
  #dropAside(outbox: Outbox): void {
    if (this.#aside.length === 0) return
    for (const { row } of this.#aside) if (row !== null && this.#rows.has(row)) this.#drops.add(row)
    this.#aside = []
    for (const edit of outbox.unsaved) {
      if (edit.row === null || !this.#drops.has(edit.row)) continue
      edit.row = null
      this.#waiting.push({ update: edit.update, edits: [edit], saved: false })
    }
  }

  /** In place of all rows that are known now. */
  #packRebuilt(): void {
    if (this.#rebuilt === null) return
    const { content, edits } = this.#rebuilt
    this.#rebuilt = null
    const remove = this.#rowsBeside(edits).filter((id) => !this.#drops.has(id))
    this.#pack = { item: { update: content, edits: [], saved: true }, remove, whole: false }
  }

  /** The rows that these edits are not in. */
  #rowsBeside(edits: readonly Edit[]): RowId[] {
    const theirs = new Set(edits.map(({ row }) => row))
    return [...this.#rows.keys()].filter((id) => !theirs.has(id))
  }

  #nextPack(outbox: Outbox, replica: Replica): Pack | null {
    this.#packRebuilt()
    if (this.#pack) return this.#pack
    const saved = outbox.seed === null && outbox.edits === outbox.saved && this.#marks.size === this.#unmarked.size
    // what others have typed may be refused: no row that is called saved holds it
    if (replica.isAhead) return null
    const mayBeWhole = this.#incomplete || ((this.#isHeavy || this.#claimed) && saved)
    const whole = mayBeWhole ? this.#packAll(saved, outbox, replica) : null
    return whole ?? (this.#isHeavy ? this.#packEdits(outbox, replica) : null)
  }

  /** Edits that are not saved stay apart, so that who is refused one takes nothing else along. */
  #packAll(saved: boolean, outbox: Outbox, replica: Replica): Pack | null {
    const update = saved ? replica.difference(emptyStateVector) : restOf(replica, outbox.unsaved)
    if (update === null) return null
    if (update.length === nothing.length) {
      // a row of nothing would wait for an acknowledgement that never comes
      this.#incomplete = false
      return null
    }
    const remove = this.#rowsBeside(outbox.unsaved)
    const areSaved = remove.every((id) => !this.#unmarked.has(id) || this.#marks.has(id))
    return { item: { update, edits: [], saved: areSaved && !outbox.owing }, remove, whole: true }
  }

  /** While there was no copy, edits were not gathered. */
  #gatherAgain({ unsaved }: Outbox): void {
    const gathered = new Set(this.#unwritten.flatMap((item) => item.edits))
    const missing = unsaved.filter((edit) => edit.row === null && !gathered.has(edit))
    this.#waiting.unshift(...missing.map((edit) => ({ update: edit.update, edits: [edit], saved: false })))
  }

  /** Edits that are not saved as one row: a day's typing without a network. Large ones are left, or no relay would take them. */
  #packEdits(outbox: Outbox, replica: Replica): Pack | null {
    const { unsaved } = outbox
    const edits = unsaved.filter(
      (edit) => edit.row !== null && !edit.seed && edit.update.length < outbox.packedBytesMax && isReadable(edit),
    )
    const remove = [...new Set(edits.map((edit) => edit.row!))]
    const bytes = edits.reduce((sum, { update }) => sum + update.length, 0)
    if (remove.length < 2 || bytes + edits.length * rowBytes < this.#packBytesMin / 2) return null
    const merged = mergeUpdates(edits.map((edit) => edit.update))
    // the replica has joined neighbours, and forgotten what was deleted again; what is left out is in it too
    const isAll = edits.length === unsaved.length
    const joined = isAll ? replica.difference(vectorBefore(edits, replica.stateVector())) : merged
    const update = joined.length < bytes ? joined : merged
    return { item: { update, edits, saved: false }, remove, whole: false }
  }

  #mark(row: RowId | null): void {
    if (row !== null && this.#unmarked.has(row)) this.#marks.add(row)
  }

  #addRow(id: RowId, update: Uint8Array): void {
    const weight = update.length + rowBytes
    this.#rows.set(id, weight)
    this.#bytes += weight
    this.#tail += weight
  }

  #removeRow(id: RowId): void {
    this.#bytes -= this.#rows.get(id) ?? 0
    this.#rows.delete(id)
    this.#unmarked.delete(id)
    this.#marks.delete(id)
  }
}

/** The saved rows as one, while edits that are not must stay out of it. */
function packSaved({ rows }: LocalCopy): Pack | null {
  const saved = rows.filter((row) => row.saved)
  if (saved.length < 2) return null
  const item = { update: mergeUpdates(saved.map((row) => row.update)), edits: [], saved: true }
  return { item, remove: saved.map((row) => row.id), whole: false }
}

function isSaved({ edits, saved }: Item): boolean {
  return edits.length === 0 ? saved : edits.every((edit) => edit.saved)
}

function changesOf({ edits }: Item): number {
  return edits.reduce((sum, edit) => sum + (edit.saved ? 0 : edit.changes), 0) || 1
}
