import { mergeUpdates } from '../updates/index.js'
import type { RowId } from './copy.js'

/** A local change, or several that were stored as one. */
export interface Edit {
  readonly update: Uint8Array
  readonly changes: number
  /** the row of the local copy that has it, or null; edits that follow each other may share one */
  row: RowId | null
  /** the relay has it on disk */
  saved: boolean
}

/** A message on its way. */
interface Sent {
  readonly seq: number
  readonly edits: readonly Edit[]
  /** it was a full difference: with it, the relay has all that was here */
  readonly answer: boolean
}

/** What an ack covered. */
export interface Acknowledged {
  readonly edits: readonly Edit[]
  readonly answered: boolean
}

/** Bytes of edits that are joined into one message: well below any relay's limit for an update. */
export const messageBytesMax = 1024 * 1024

/** Messages on their way: beyond that edits gather, so that a slow relay gets fewer and larger updates. */
const unacknowledgedMax = 64

/** The local edits that the relay has not acknowledged: those that wait and those that were sent. */
export class Outbox {
  #waiting: Edit[] = []
  #sent: Sent[] = []
  #seq = 0
  #edits = 0
  #saved = 0
  #owing = false

  /** local changes ever */
  get edits(): number {
    return this.#edits
  }

  /** the first so many of them are acknowledged; while {@link owing}, one of them is not */
  get saved(): number {
    return this.#owing ? Math.min(this.#saved, this.#edits - 1) : this.#saved
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

  /** the edits that are not acknowledged, in order */
  get unsaved(): Edit[] {
    return this.#sent.flatMap((message) => message.edits).concat(this.#waiting)
  }

  /** the first of them */
  get firstUnsaved(): Edit | undefined {
    return this.#sent.find((message) => message.edits.length > 0)?.edits[0] ?? this.#waiting[0]
  }

  add(update: Uint8Array, changes: number, row: RowId | null): Edit {
    const edit: Edit = { update, changes, row, saved: false }
    this.#waiting.push(edit)
    this.#edits += changes
    return edit
  }

  /** Makes one of edits that are stored as one row, if none of them is on its way: a day's typing is a lot of them. */
  squash(edits: readonly Edit[], update: Uint8Array, row: RowId): void {
    const from = this.#waiting.indexOf(edits[0]!)
    if (from < 0 || this.#waiting[from + edits.length - 1] !== edits.at(-1)) return
    const changes = edits.reduce((sum, edit) => sum + edit.changes, 0)
    this.#waiting.splice(from, edits.length, { update, changes, row, saved: false })
  }

  /** A new session: what was sent and not acknowledged waits again, before what came later. */
  restart(): void {
    this.#waiting = this.unsaved
    this.#sent = []
    this.#seq = 0
  }

  /** The next message to send, or null where nothing waits or enough is on its way. */
  next(): { seq: number; update: Uint8Array } | null {
    if (this.#waiting.length === 0 || this.#sent.length >= unacknowledgedMax) return null
    let count = 0
    for (let bytes = 0; count < this.#waiting.length; count++) {
      bytes += this.#waiting[count]!.update.length
      if (count > 0 && bytes > messageBytesMax) break
    }
    const edits = this.#waiting.splice(0, count)
    return this.#send(mergeUpdates(edits.map((edit) => edit.update)), edits, false)
  }

  /**
   * Sends a full difference, which covers everything that was edited so far.
   *
   * @param owing whether the replica has anything that the relay may lack
   */
  answer(difference: Uint8Array, owing: boolean): { seq: number; update: Uint8Array } {
    const covered = this.unsaved
    this.#owing = owing
    this.#sent = []
    this.#waiting = []
    return this.#send(difference, covered, true)
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
        this.#saved += edit.changes
        edits.push(edit)
      }
    }
    if (answered) this.#owing = false
    return { edits, answered }
  }

  #send(update: Uint8Array, edits: readonly Edit[], answer: boolean): { seq: number; update: Uint8Array } {
    const seq = ++this.#seq
    this.#sent.push({ seq, edits, answer })
    return { seq, update }
  }
}
