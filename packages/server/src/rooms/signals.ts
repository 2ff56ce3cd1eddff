import { SynclineError } from '@syncline/protocol'
import type { Clock } from '../clock.js'
import { Account } from '../limits/account.js'
import { Overload } from '../limits/limiter.js'
import type { RelayLimits } from '../limits/limits.js'
import { SharedReply } from './session.js'

/** What is said in passing in one document: how much of it is passed on. What it costs is counted by who is told. */
export class Signals {
  readonly #limits: RelayLimits
  readonly #clock: Clock
  readonly #account: Account

  constructor(limits: RelayLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
    const { documentSignalsBurst: burst, documentSignalsPerSecond: perSecond } = limits
    this.#account = new Account({ signals: { burst, perSecond } })
  }

  /**
   * The reply that says it: in one line, so that it can stand in an event.
   *
   * @param mustKnow true: an error says that it is too much; otherwise null does
   * @throws SynclineError `malformed_signal`, `rate_limited`
   */
  admit(payload: string, listeners: number, mustKnow: boolean): SharedReply | null {
    const line = this.#lineOf(payload)
    const now = this.#clock.now()
    const ms = this.#account.waitMs('signals', listeners, now)
    if (ms > 0 && mustKnow) throw new Overload('rate_limited', ms, 'The document has said too much')
    if (ms > 0) return null
    this.#account.take('signals', listeners, now)
    return new SharedReply({ type: 'signal', payload: line })
  }

  #lineOf(payload: string): string {
    const { signalBytesMax } = this.#limits
    if (Buffer.byteLength(payload) > signalBytesMax) {
      throw new SynclineError('malformed_signal', `It may have ${signalBytesMax} bytes`)
    }
    try {
      return JSON.stringify(JSON.parse(payload))
    } catch {
      throw new SynclineError('malformed_signal', 'It is no JSON')
    }
  }
}
