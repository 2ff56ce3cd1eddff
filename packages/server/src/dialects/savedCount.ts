/**
 * How many "saved" a Hocuspocus provider is owed. It counts what it has sent and takes one off for each, so that it gets
 * exactly one for every update and for the step 2 that follows its first step 1; each after the commit.
 *
 * Seqs are those of the session, 1, 2, 3, …
 */
export class SavedCount {
  /** how many are owed once a seq is acknowledged, in the order of seqs */
  #owed: { readonly seq: number; count: number }[] = []
  #due = 0
  #hasExchanged = false
  #hasAnswered = false
  #acknowledged = 0
  /** steps 2 that answer a step 1 of ours which the provider does not count */
  #uncounted = 0

  /**
   * The provider sent its step 1, and with it began to count anew at one: the first time for its step 2 that comes,
   * later for all that it has sent before.
   *
   * @param seq of the last update
   */
  exchanged(seq: number): void {
    this.#owed = []
    this.#due = 0
    if (this.#hasExchanged && this.#hasAnswered) this.counts(seq)
    this.#hasExchanged = true
  }

  /** The provider counts an update, or several, which are saved when `seq` is. */
  counts(seq: number, count = 1): void {
    if (seq <= this.#acknowledged) {
      this.#due += count
      return
    }
    const last = this.#owed.at(-1)
    if (last?.seq === seq) last.count += count
    else this.#owed.push({ seq, count })
  }

  /** It was asked for everything, and will answer. */
  resynced(): void {
    this.#uncounted++
  }

  /** It has answered a step 1 of ours, the first or that of a resync. */
  answered(seq: number): void {
    if (!this.#hasAnswered) {
      this.#hasAnswered = true
      if (this.#hasExchanged) this.counts(seq)
      return
    }
    if (this.#uncounted > 0) this.#uncounted--
    else this.counts(seq)
  }

  /** All up to a seq is on disk. */
  acknowledged(seq: number): void {
    this.#acknowledged = seq
    while (this.#owed[0] !== undefined && this.#owed[0].seq <= seq) this.#due += this.#owed.shift()!.count
  }

  /** How many it counts, and was not told of. */
  get unsaved(): number {
    return this.#owed.reduce((sum, { count }) => sum + count, this.#due)
  }

  /** How many to tell it now. */
  take(): number {
    const due = this.#due
    this.#due = 0
    return due
  }
}
