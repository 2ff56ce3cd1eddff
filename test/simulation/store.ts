import type { CopyWrite, LocalCopy, RefusedRow, RowId } from '@syncline/protocol'
import { type CopyState, copyOf, newState, stateAfter } from '../../packages/client/src/store/state.js'
import type { Random } from './random.js'
import type { Time } from './time.js'

const scope = { relay: 'simulated', identity: '' }

/** What becomes of a transaction: its result, or whether the copy is in doubt. */
export interface Outcome<T> {
  done(result: T): void
  failed(lost: boolean): void
}

/** A document's database on one device: transactions are late, and may fail. It outlives the tabs that use it. */
export class SimDatabase {
  readonly #time: Time
  readonly #random: Random
  readonly #rows = new Map<RowId, Uint8Array>()
  readonly #refused = new Map<string, RefusedRow>()
  #state: CopyState = newState(scope)
  #nextId = 1
  /** transactions run in the order in which they were begun */
  #last = 0
  /** how many writes failed */
  failures = 0
  /** how often rows were packed into one */
  packs = 0
  isReliable = false

  constructor(time: Time, random: Random) {
    this.#time = time
    this.#random = random
  }

  get copy(): LocalCopy {
    return copyOf(
      this.#state,
      Array.from(this.#rows, ([id, update]) => ({ id, update })),
      [...this.#refused.values()],
    )
  }

  read(outcome: Outcome<LocalCopy>): void {
    this.#later(() => (this.#fails(0.1) ? outcome.failed(true) : outcome.done(this.copy)))
  }

  /** Whether any row is not saved, once all that was begun before is done: as with a database, so for a tab that died. */
  hasPending(answer: (hasPending: boolean) => void): void {
    this.#later(() => answer(this.copy.rows.some((row) => !row.saved)))
  }

  write(write: CopyWrite, outcome: Outcome<RowId[]>): void {
    this.#later(() => {
      if (!this.#fails(0.15)) return outcome.done(this.#apply(write))
      this.failures++
      const lost = this.#random.chance(0.3)
      // what a database in doubt has done, nobody knows before it is read again
      if (lost && this.#random.chance(0.5)) this.#apply(write)
      outcome.failed(lost)
    })
  }

  #apply(write: CopyWrite): RowId[] {
    const ids = write.append.map(({ update }) => {
      this.#rows.set(this.#nextId, update)
      return this.#nextId++
    })
    for (const id of write.remove) this.#rows.delete(id)
    for (const id of write.letGo ?? []) this.#refused.delete(id)
    for (const row of write.refuse ?? []) this.#refused.set(row.id, row)
    if (write.remove.length > 0) this.packs++
    const [oldest = this.#nextId] = this.#rows.keys()
    this.#state = stateAfter(this.#state, write, ids, oldest)
    return ids
  }

  #fails(probability: number): boolean {
    return !this.isReliable && this.#random.chance(probability)
  }

  #later(run: () => void): void {
    const slow = this.#random.chance(0.1) ? 1_000 : 5
    const at = Math.max(this.#last, this.#time.now + this.#random.between(0.1, slow))
    this.#last = at
    this.#time.after(at - this.#time.now, run)
  }
}
