import type { SessionReply, SessionRequest } from '@syncline/protocol'
import type { Clock } from '../types.js'
import type { InspectedMessage, InspectedSecond } from './types.js'

const messagesMax = 50
const secondsMax = 60
/** a relay that does not answer leaves no more than this behind */
const unansweredMax = 100
const measuredMsMin = 5_000

type Direction = InspectedMessage['direction']

/** Notes what goes to the relay and comes from it for one document, from the moment that somebody asks. */
export class Recorder {
  readonly messages: InspectedMessage[] = []
  roundTripMs: number | null = null
  readonly #clock: Clock
  readonly #seconds = new Map<number, InspectedSecond>()
  /** when each update was sent that has no answer yet, by its seq */
  readonly #sentAt = new Map<number, number>()
  #comparedAt: number | null = null
  #measuredAt = Number.NEGATIVE_INFINITY

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Nothing was measured for a while. */
  get isStale(): boolean {
    return this.#clock.now() - this.#measuredAt > measuredMsMin
  }

  /** The seconds with updates among the last 60. */
  get updates(): InspectedSecond[] {
    const oldest = Date.now() - secondsMax * 1_000
    return [...this.#seconds.values()].filter(({ time }) => time > oldest)
  }

  readonly record = (direction: Direction, message: SessionRequest | SessionReply): void => {
    const time = Date.now()
    const bytes = bytesIn(message)
    if (this.messages.push({ time, direction, type: message.type, bytes, text: textOf(message) }) > messagesMax) {
      this.messages.shift()
    }
    if (message.type === 'update' || (message.type === 'synced' && bytes > 0)) this.#count(direction, time, bytes)
    this.#measure(direction, message)
  }

  #count(direction: Direction, time: number, bytes: number): void {
    const second = time - (time % 1_000)
    const before = this.#seconds.get(second) ?? { time: second, sent: 0, received: 0, sentBytes: 0, receivedBytes: 0 }
    const sum = `${direction}Bytes` as const
    this.#seconds.set(second, { ...before, [direction]: before[direction] + 1, [sum]: before[sum] + bytes })
    const [oldest] = this.#seconds.keys()
    if (this.#seconds.size > secondsMax) this.#seconds.delete(oldest!)
  }

  #measure(direction: Direction, message: SessionRequest | SessionReply): void {
    const now = this.#clock.now()
    if (direction === 'sent') {
      if ('seq' in message && this.#sentAt.size < unansweredMax) this.#sentAt.set(message.seq, now)
      if (message.type === 'digest') this.#comparedAt = now
      // another session counts anew
      if (message.type === 'open') this.#sentAt.clear()
    } else if (message.type === 'ack') {
      for (const [seq, sentAt] of this.#sentAt) {
        if (seq > message.seq) continue
        this.#sentAt.delete(seq)
        this.#answered(now, sentAt)
      }
    } else if (message.type === 'digest' && this.#comparedAt !== null) {
      this.#answered(now, this.#comparedAt)
      this.#comparedAt = null
    }
  }

  #answered(now: number, askedAt: number): void {
    this.roundTripMs = now - askedAt
    this.#measuredAt = now
  }
}

function bytesIn(message: SessionRequest | SessionReply): number {
  let bytes = 0
  for (const value of Object.values(message)) if (value instanceof Uint8Array) bytes += value.length
  return bytes
}

/** The fields of a message that are no bytes; those that say nothing are left out. */
function textOf(message: SessionRequest | SessionReply): string {
  const fields = Object.entries(message).filter(
    ([name, value]) => name !== 'type' && !(value instanceof Uint8Array) && value !== null && value !== false,
  )
  return fields.map(([name, value]) => (value === true ? name : `${name} ${inWords(value)}`)).join(', ')
}

function inWords(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value)
  return Object.values(value).map(inWords).join('/')
}
