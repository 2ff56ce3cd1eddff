import { decodeStateVector, mergeUpdates, splitUpdate } from '../updates/index.js'
import { Scan } from '../updates/scan.js'
import type { RowId } from './copy.js'
import type { Replica } from './types.js'
import { isWithin } from './within.js'

/** A local change, or several that were stored as one. */
export interface Edit {
  readonly update: Uint8Array
  readonly changes: number
  /** how many local changes there were before */
  readonly before: number
  /** first content that the relay has not taken yet */
  seed: boolean
  /** the row of the local copy that has it, or null; edits that follow each other may share one */
  row: RowId | null
  /** the relay has it on disk */
  saved: boolean
  /** edits that may share a message with it, itself included: fewer where a message was rejected */
  shared: number
  /** the replica was made anew, and was not seen to have it: what it needs may be with other tabs still */
  unseen: boolean
}

/** A message on its way. */
interface Sent {
  readonly seq: number
  readonly edits: readonly Edit[]
  /** it was a full difference: with it, the relay has all that was here */
  readonly answer: boolean
  /** it was a piece of this edit, whose last one follows */
  readonly pieceOf: Edit | null
}

/** What goes out as one `update`. */
export interface Message {
  readonly seq: number
  readonly update: Uint8Array
  readonly seed?: true
}

/** What an ack covered. */
export interface Acknowledged {
  readonly edits: readonly Edit[]
  readonly answered: boolean
}

/** Bytes of edits that are joined into one message: below the usual limit of a relay for an update. */
export const messageBytesMax = 1024 * 1024

/** Messages on their way: beyond that edits gather, so that a slow relay gets fewer and larger updates. */
const unacknowledgedMax = 64

const nothing = new Uint8Array(2)
const scan = new Scan()

/**
 * The local edits that the relay has not acknowledged: those that wait and those that were sent, in the order in which
 * they were made; first content goes before all.
 */
export class Outbox {
  #waiting: Edit[] = []
  #sent: Sent[] = []
  #seq = 0
  #edits = 0
  #done = 0
  /** first content that is not answered: two of them where a copy was read late, of which one will be refused */
  #seeds: Edit[] = []
  /** what the relay takes in one update */
  #updateBytesMax = Number.POSITIVE_INFINITY
  /** what is still to be sent of the first edit that waits, where that is too large for one message */
  #pieces: Uint8Array[] = []
  #owing = false
  #hasUnseen = false

  /** local changes ever */
  get edits(): number {
    return this.#edits
  }

  /** the first so many of them are acknowledged, or set aside; while {@link owing}, one of them is not */
  get saved(): number {
    const saved = this.firstUnsaved?.before ?? this.#edits
    return this.#owing ? Math.min(saved, this.#edits - 1) : saved
  }

  /** how many of them are neither; one at least while {@link owing} */
  get pending(): number {
    const pending = this.#edits - this.#done
    return this.#owing ? Math.max(1, pending) : pending
  }

  /**
   * A full difference is not acknowledged: of all that is here, the relay may have lost some that it had called saved.
   * Also where it names all of it already: that may still be on its way to the disk.
   */
  get owing(): boolean {
    return this.#owing
  }

  /** nothing waits and nothing is on its way, edits or not */
  get quiet(): boolean {
    return this.#waiting.length === 0 && this.#sent.length === 0
  }

  /** nothing is on its way */
  get settled(): boolean {
    return this.#sent.length === 0
  }

  /** the edits that are not acknowledged, in order */
  get unsaved(): Edit[] {
    return this.#sent.flatMap((message) => message.edits).concat(this.#waiting)
  }

  /** the first of them */
  get firstUnsaved(): Edit | undefined {
    return this.#sent.find((message) => message.edits.length > 0)?.edits[0] ?? this.#waiting[0]
  }

  /** first content that the relay has not taken yet */
  get seed(): Edit | null {
    return this.#seeds[0] ?? null
  }

  /** What is larger is not joined with others for the copy: it may be refused, and they need not be. */
  get packedBytesMax(): number {
    return Math.min(messageBytesMax / 2, this.#updateBytesMax)
  }

  /** The replica was made anew: what is here goes on its way once it shows there. */
  doubt(): void {
    for (const edit of this.unsaved) edit.unseen = this.#hasUnseen = true
  }

  /** Looks for it there. */
  look(replica: Replica): void {
    if (!this.#hasUnseen) return
    const vector = decodeStateVector(replica.stateVector())
    for (const edit of this.unsaved) edit.unseen &&= isReadable(edit) && !isWithin(edit.update, vector)
    this.#hasUnseen = this.unsaved.some((edit) => edit.unseen)
  }

  limit(updateBytesMax: number): void {
    this.#updateBytesMax = updateBytesMax
  }

  add(update: Uint8Array, changes: number, row: RowId | null): Edit {
    const edit = this.#newEdit(update, changes, row, false)
    this.#waiting.push(edit)
    return edit
  }

  /** First content, which goes before everything else. */
  addSeed(update: Uint8Array, row: RowId | null): Edit {
    const edit: Edit = { ...this.#newEdit(update, 0, row, true), before: this.firstUnsaved?.before ?? this.#edits }
    this.#waiting.unshift(edit)
    this.#seeds.unshift(edit)
    return edit
  }

  /** Makes one of edits that are stored as one row, if none of them is on its way: a day's typing is a lot of them. */
  squash(edits: readonly Edit[], update: Uint8Array, row: RowId): void {
    const from = this.#waiting.indexOf(edits[0]!)
    if (from < 0 || this.#hasUnseen || this.#waiting[from + edits.length - 1] !== edits.at(-1)) return
    const changes = edits.reduce((sum, edit) => sum + edit.changes, 0)
    this.#waiting.splice(from, edits.length, { ...edits[0]!, update, changes, row })
    this.#pieces = []
  }

  /** A new session: what was sent and not acknowledged waits again, before what came later. */
  restart(): void {
    this.restartSent()
    this.#seq = 0
  }

  /** The next message to send, or null where nothing waits or enough is on its way. */
  next(): Message | null {
    const [first] = this.#waiting
    if (first === undefined || first.unseen || this.#sent.length >= unacknowledgedMax) return null
    // whether first content is taken decides what becomes of all the rest
    if (this.seed && this.seed !== first) return null
    if (first.seed) return { ...this.#send(first.update, this.#waiting.splice(0, 1), false), seed: true }
    const bytesMax = Math.min(messageBytesMax, this.#updateBytesMax)
    if (this.#pieces.length > 0 || first.update.length > this.#updateBytesMax) return this.#nextPiece(first)
    const edits = this.#waiting.splice(0, this.#countWithin(bytesMax))
    return this.#send(mergeUpdates(edits.map((edit) => edit.update)), edits, false)
  }

  /** An edit that waits, of whose size the relay takes no update, and that can't be cut. */
  get oversized(): Edit | null {
    const max = this.#updateBytesMax
    const isOversized = (edit: Edit) =>
      !edit.seed && edit.update.length > max && this.#cut(edit).some((piece) => piece.length > max)
    return this.#waiting.find(isOversized) ?? null
  }

  /**
   * Sends a full difference, which covers everything that was edited so far and shows in the replica.
   *
   * @param owing whether the replica has anything that the relay may lack
   */
  answer(difference: Uint8Array, owing: boolean): Message {
    this.restartSent()
    this.#owing = owing
    const unseen = this.#waiting.findIndex((edit) => edit.unseen)
    return this.#send(difference, this.#waiting.splice(0, unseen < 0 ? this.#waiting.length : unseen), true)
  }

  /** Sends first content as the answer: the rest waits until it is known what becomes of it. */
  answerWithSeed(): Message {
    this.restartSent()
    return { ...this.#send(this.#waiting[0]!.update, this.#waiting.splice(0, 1), true), seed: true }
  }

  /** Sends an answer that covers no edit. */
  answerNothing(update: Uint8Array = nothing): Message {
    this.#owing = update !== nothing
    return this.#send(update, [], true)
  }

  /** Nobody is waiting for a full difference any more. */
  forgive(): void {
    this.#owing = false
  }

  /** What was sent waits again, within the same session. */
  restartSent(): void {
    this.#waiting = this.unsaved
    this.#sent = []
    this.#pieces = []
  }

  /** The relay has everything up to `seq` on disk. */
  acknowledge(seq: number): Acknowledged {
    const edits: Edit[] = []
    let answered = false
    while (this.#sent.length > 0 && this.#sent[0]!.seq <= seq) {
      const message = this.#sent.shift()!
      answered ||= message.answer
      for (const edit of message.edits) {
        edit.saved = true
        if (edit.seed) this.takeSeed(edit)
        this.#done += edit.changes
        edits.push(edit)
      }
    }
    if (answered) this.#owing = false
    return { edits, answered }
  }

  /**
   * The relay did not keep the message `seq`, nor look at what came after it: all of that waits again, and in smaller
   * messages. Returns the edit that is at fault where it is known, null where it is one of several, undefined where it is
   * none of them.
   */
  rejected(seq: number): Edit | null | undefined {
    const index = this.#sent.findIndex((message) => message.seq >= seq)
    const message = this.#sent[index]
    if (message === undefined) return undefined
    const back = this.#sent.splice(index)
    this.#waiting = [...back.flatMap(({ edits }) => edits), ...this.#waiting]
    this.#pieces = []
    const { edits, answer, pieceOf } = message
    if (pieceOf) return pieceOf
    if (edits.length === 0) return undefined
    if (edits.length === 1 && (!answer || edits[0]!.seed)) return edits[0]!
    for (const edit of edits) edit.shared = answer ? edits.length : Math.ceil(edits.length / 2)
    return null
  }

  /** These edits are sent no more; none of them is on its way. */
  setAside(edits: ReadonlySet<Edit>): void {
    this.#waiting = this.#waiting.filter((edit) => !edits.has(edit))
    this.#pieces = []
    for (const edit of edits) {
      this.#done += edit.changes
      if (edit.seed) this.#seeds = this.#seeds.filter((seed) => seed !== edit)
    }
  }

  /** The relay is at this state vector: first content that is within has been taken. */
  takeSeedsWithin(stateVector: Uint8Array): void {
    const vector = decodeStateVector(stateVector)
    for (const edit of this.unsaved) if (edit.seed && isWithin(edit.update, vector)) this.takeSeed(edit)
  }

  /** The relay has the first content: from here on it is an edit like others. */
  takeSeed(edit: Edit): void {
    edit.seed = false
    this.#seeds = this.#seeds.filter((seed) => seed !== edit)
  }

  #newEdit(update: Uint8Array, changes: number, row: RowId | null, seed: boolean): Edit {
    const before = this.#edits
    this.#edits += changes
    return { update, changes, before, seed, row, saved: false, shared: Number.POSITIVE_INFINITY, unseen: false }
  }

  /** How many of the edits that wait are joined into one message. */
  #countWithin(bytesMax: number): number {
    let count = 0
    let shared = Number.POSITIVE_INFINITY
    for (let bytes = 0; count < this.#waiting.length; count++) {
      const edit = this.#waiting[count]!
      bytes += edit.update.length
      shared = Math.min(shared, edit.shared)
      const isAlone = edit.unseen || !isReadable(edit) || !isReadable(this.#waiting[0]!)
      if (count > 0 && (bytes > bytesMax || count >= shared || isAlone)) break
    }
    return count
  }

  #nextPiece(edit: Edit): Message {
    if (this.#pieces.length === 0) this.#pieces = this.#cut(edit)
    const piece = this.#pieces.shift()!
    if (this.#pieces.length > 0) return this.#send(piece, [], false, edit)
    this.#waiting.shift()
    return this.#send(piece, [edit], false)
  }

  #cut({ update }: Edit): Uint8Array[] {
    try {
      return splitUpdate(update, this.#updateBytesMax)
    } catch {
      return [update]
    }
  }

  #send(update: Uint8Array, edits: readonly Edit[], answer: boolean, pieceOf: Edit | null = null): Message {
    const seq = ++this.#seq
    this.#sent.push({ seq, edits, answer, pieceOf })
    return { seq, update }
  }
}

/** Whether an update can be merged with others: what the relay would call malformed goes alone, so that it is found. */
export function isReadable({ update }: Pick<Edit, 'update'>): boolean {
  try {
    scan.read(update)
    return true
  } catch {
    return false
  }
}
