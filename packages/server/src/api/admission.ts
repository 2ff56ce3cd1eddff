import { type Access, SynclineError } from '@syncline/protocol'
import { type Admitted, type FullGrant, type Gate, isOver } from '../auth/gate.js'
import type { Clock } from '../clock.js'

const timerMsMax = 2 ** 31 - 1

/** What somebody who sent a request may do with a document, for as long as the request lasts. */
export interface Admission {
  /** kept in the log with what is written */
  readonly subject: string
  /** may do what concerns the document as a whole, or more than it */
  readonly isOperator: boolean
  /** Throws where the grant has ended meanwhile: before anything is told, and in the turn in which an edit is made. */
  assertHolds(): void
  /** Calls back when the grant ends, for what goes on: then the request does not end the admission, `leave` does. */
  watch(ended: (error: SynclineError) => void): void
  leave(): void
}

/** The grant of a request, held until it is left: or watched, for what outlives the request. */
export class RequestAdmission implements Admission, Admitted {
  readonly document: string
  readonly #gate: Gate
  readonly #clock: Clock
  readonly #grant: FullGrant
  readonly #wanted: Access
  #error: SynclineError | null = null
  #ended: ((error: SynclineError) => void) | null = null
  #cancelTimer = () => {}

  /** @throws SynclineError `revoked` */
  constructor(gate: Gate, clock: Clock, document: string, grant: FullGrant, wanted: Access) {
    this.document = document
    this.#gate = gate
    this.#clock = clock
    this.#grant = grant
    this.#wanted = wanted
    gate.admit(this, grant)
  }

  get subject(): string {
    return this.#grant.subject
  }

  get isOperator(): boolean {
    return this.#grant.admin
  }

  get isWatched(): boolean {
    return this.#ended !== null
  }

  assertHolds(): void {
    if (this.#error === null && isOver(this.#grant, this.#clock.now())) this.expel(new SynclineError('token_expired'))
    if (this.#error) throw this.#error
  }

  watch(ended: (error: SynclineError) => void): void {
    this.#ended = ended
    if (this.#error) return ended(this.#error)
    this.#endOnTime()
  }

  expel(error: SynclineError): void {
    if (this.#error) return
    this.#error = error
    this.leave()
    this.#ended?.(error)
  }

  readOnly(isReadOnly: boolean): void {
    if (isReadOnly && this.#wanted === 'write') this.expel(new SynclineError('read_only'))
  }

  leave(): void {
    this.#cancelTimer()
    this.#gate.forget(this)
  }

  #endOnTime(): void {
    const { expiresAt } = this.#grant
    if (expiresAt === null) return
    const leftMs = Math.ceil(expiresAt - this.#clock.now())
    if (leftMs <= 0) return this.expel(new SynclineError('token_expired'))
    this.#cancelTimer = this.#clock.after(Math.min(leftMs, timerMsMax), () => this.#endOnTime())
  }
}
