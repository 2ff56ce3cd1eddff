import { mergeUpdates } from '../updates/index.js'

/** Local edits as one update, and how many local changes it stands for. */
interface Edits {
  readonly update: Uint8Array
  readonly changes: number
}

interface SentEdits extends Edits {
  readonly seq: number
}

/** Bytes of edits that are joined into one message: well below any relay's limit for an update. */
const messageBytesMax = 1024 * 1024

/** Messages on their way: beyond that edits gather, so that a slow relay gets fewer and larger updates. */
const unacknowledgedMax = 64

/** The local edits that the relay has not acknowledged: those that wait and those that were sent. */
export class Outbox {
  #waiting: Edits[] = []
  #sent: SentEdits[] = []
  #seq = 0
  #edits = 0
  #saved = 0

  /** local changes ever */
  get edits(): number {
    return this.#edits
  }

  /** the first so many of them are acknowledged */
  get saved(): number {
    return this.#saved
  }

  /** nothing waits and nothing is on its way, edits or not */
  get quiet(): boolean {
    return this.#waiting.length === 0 && this.#sent.length === 0
  }

  add(update: Uint8Array): void {
    this.#waiting.push({ update, changes: 1 })
    this.#edits++
  }

  /** A new session: what was sent and not acknowledged waits again, before what came later. */
  restart(): void {
    this.#waiting = [...this.#sent, ...this.#waiting]
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
    const taken = this.#waiting.splice(0, count)
    return this.#send(mergeUpdates(taken.map((edits) => edits.update)), taken)
  }

  /** Sends a full difference, which covers everything that was edited so far. */
  answer(difference: Uint8Array): { seq: number; update: Uint8Array } {
    const covered = [...this.#sent, ...this.#waiting]
    this.#sent = []
    this.#waiting = []
    return this.#send(difference, covered)
  }

  /** The relay has everything up to `seq` on disk. */
  acknowledge(seq: number): void {
    while (this.#sent.length > 0 && this.#sent[0]!.seq <= seq) this.#saved += this.#sent.shift()!.changes
  }

  #send(update: Uint8Array, covered: readonly Edits[]): { seq: number; update: Uint8Array } {
    const seq = ++this.#seq
    this.#sent.push({ seq, update, changes: covered.reduce((sum, edits) => sum + edits.changes, 0) })
    return { seq, update }
  }
}
