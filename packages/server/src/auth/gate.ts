import type { Limits } from '@syncline/protocol'
import { SynclineError } from '@syncline/protocol'
import type { Clock } from '../clock.js'
import type { Logger } from '../logger.js'
import { type Authorize, type Credentials, type Grant, type Revocation, relayDocument } from './authorize.js'
import { ReadOnlyWindows } from './readOnly.js'
import { assertRevocation, concerns, type Revocations } from './revocations.js'

// a backend that is down is told of now and then, not with each visitor
const complaintMs = 10_000

/** Somebody who was let in, and can be turned out. */
export interface Admitted {
  readonly document: string
  readonly subject: string
  /** nothing comes in or goes out from here on */
  expel(error: SynclineError): void
  /** its document may be read only from here on, whatever was granted; or what was granted counts again */
  readOnly(isReadOnly: boolean): void
}

/** What a gate works with. */
export interface GateOptions {
  readonly authorize: Authorize
  readonly revocations: Revocations
  readonly limits: Pick<Limits, 'tokenBytesMax'>
  readonly clock: Clock
  readonly logger: Logger
  readonly exception: (error: unknown) => void
}

/** A grant of which all is known. */
export type FullGrant = Required<Grant>

/** Who may do what, and who is in. */
export class Gate {
  readonly #options: GateOptions
  readonly #admitted = new Set<Admitted>()
  readonly #windows: ReadOnlyWindows
  #complainedAt = Number.NEGATIVE_INFINITY

  constructor(options: GateOptions) {
    this.#options = options
    this.#windows = new ReadOnlyWindows(options.clock)
  }

  /**
   * Asks for a grant.
   *
   * @throws SynclineError `unauthorized`, `token_expired`, `forbidden`, `revoked`, `authorization_unavailable`, and what
   *   an embedder's own function throws of that kind
   */
  async ask(document: string, { token, visitor }: Credentials): Promise<FullGrant> {
    const { authorize, revocations, limits, clock } = this.#options
    if (token !== null && Buffer.byteLength(token) > limits.tokenBytesMax) {
      throw new SynclineError('unauthorized', `The token is longer than ${limits.tokenBytesMax} bytes`)
    }
    const askedAt = clock.now()
    const grant = await this.#available(async () => {
      await revocations.load().catch(() => {
        throw new SynclineError('authorization_unavailable', 'The revocations cannot be read')
      })
      try {
        return await authorize({ document, token, visitor })
      } catch (error) {
        throw isForbidden(error) && document === relayDocument ? forOperators() : error
      }
    })
    const full = this.#capped(document, completed(document, grant, askedAt))
    if (revocations.covers(full, document)) throw new SynclineError('revoked')
    if (isOver(full, clock.now())) throw new SynclineError('token_expired')
    return full
  }

  /**
   * From here on a revocation turns it out.
   *
   * @throws SynclineError `revoked` where there was one since it was granted
   */
  admit(admitted: Admitted, grant: FullGrant): void {
    if (this.#options.revocations.covers(grant, admitted.document)) throw new SynclineError('revoked')
    this.#admitted.add(admitted)
    if (this.readOnlyUntil(admitted.document) !== null) admitted.readOnly(true)
  }

  forget(admitted: Admitted): void {
    this.#admitted.delete(admitted)
  }

  /**
   * Turns out whom it is about, in this turn, and keeps out what was issued before.
   *
   * @returns how many sessions that were
   * @throws SynclineError `invalid_option`; `storage_failed` where it will not outlive this process
   */
  async revoke({ subject, document }: Revocation): Promise<number> {
    const revocation = {
      ...(subject === undefined ? {} : { subject }),
      ...(document === undefined ? {} : { document }),
    }
    assertRevocation(revocation)
    const { authorize, revocations, clock, logger, exception } = this.#options
    const kept = revocations.add({ ...revocation, time: clock.now() })
    try {
      authorize.revoked?.(revocation)
    } catch (error) {
      exception(error) // they are turned out all the same
    }
    const found = [...this.#admitted].filter((each) => concerns(revocation, each))
    for (const each of found) each.expel(new SynclineError('revoked'))
    logger.info({ event: 'access_revoked', ...revocation, sessions: found.length }, 'access was revoked')
    await kept
    return found.length
  }

  /** Until when nobody may write a document, in ms since 1970; null where that is decided by grants alone. */
  readOnlyUntil(document: string): number | null {
    return this.#windows.untilOf(document)
  }

  /**
   * From this turn on nobody may write a document, whatever was granted, for so many ms; 0 ends that.
   *
   * @returns until when, in ms since 1970; null where that is over
   * @throws SynclineError `invalid_option`
   */
  setReadOnly(document: string, ms: number): number | null {
    const tell = (isReadOnly: boolean) => {
      for (const each of [...this.#admitted]) if (each.document === document) each.readOnly(isReadOnly)
    }
    if (ms > 0) {
      const until = this.#windows.open(document, ms, () => tell(false))
      tell(true)
      return until
    }
    if (this.#windows.close(document)) tell(false)
    return null
  }

  #capped(document: string, grant: FullGrant): FullGrant {
    return this.readOnlyUntil(document) === null ? grant : { ...grant, access: 'read' }
  }

  /** Whatever is wrong, nobody is let in; what is not about the visitor may be better later. */
  async #available(ask: () => Promise<Grant>): Promise<Grant> {
    try {
      return await ask()
    } catch (error) {
      if (!(error instanceof SynclineError)) {
        this.#options.exception(error)
        throw new SynclineError('authorization_unavailable')
      }
      if (error.code === 'authorization_unavailable') this.#complain(error)
      throw error
    }
  }

  #complain(error: SynclineError): void {
    const now = this.#options.clock.now()
    if (now < this.#complainedAt + complaintMs) return
    this.#complainedAt = now
    this.#options.logger.warn(
      { event: 'authorization_unavailable', error },
      'it cannot be told who may do what: nobody is let in',
    )
  }
}

/**
 * Whatever the answer was, the relay itself is for operators, and nobody writes it.
 *
 * @throws SynclineError `forbidden`
 */
function completed(document: string, grant: Grant, askedAt: number): FullGrant {
  const full = { ...grant, admin: grant.admin === true, issuedAt: grant.issuedAt ?? askedAt }
  if (document !== relayDocument) return full
  if (!full.admin) throw forOperators()
  return { ...full, access: 'read' }
}

function forOperators(): SynclineError {
  return Object.assign(new SynclineError('forbidden'), {
    message: 'This is for operators: the grant does not make one',
  })
}

function isForbidden(error: unknown): boolean {
  return error instanceof SynclineError && error.code === 'forbidden'
}

/** True where a grant holds no more. */
export function isOver({ expiresAt }: Pick<Grant, 'expiresAt'>, now: number): boolean {
  return expiresAt !== null && now >= expiresAt
}
