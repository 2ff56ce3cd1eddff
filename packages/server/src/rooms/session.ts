import type { Access, Ending, ErrorCode, SessionId, SessionReply } from '@syncline/protocol'
import { adviceOn, SynclineError } from '@syncline/protocol'
import { bytesOf } from '../compaction/job.js'
import { Overload } from '../limits/limiter.js'

/** What is told of a client that has a document open. */
export interface SessionClient {
  /** the subject of its grant; empty where nobody asked */
  readonly subject: string
  readonly access: Access
  readonly address: string
  /** when it was opened, in ms since 1970 */
  readonly since: number
  /** ends the session, and tells the client why */
  end(error: SynclineError): void
}

/** One client on one document, as its room sees it. */
export interface Session {
  readonly id: SessionId
  /** absent where the session is of the server itself */
  readonly client?: SessionClient
  /** takes a reply to send; it steps no room before the turn is over */
  deliver(reply: SharedReply): void
  /** the room has forgotten the session; nothing comes after it */
  ended(): void
}

// what weighs more is kept in the form that was asked for last
const sharedFormBytesMax = 64 * 1024

/** A reply on its way to any number of sessions: encoded once for each wire form, the bytes are shared. */
export class SharedReply {
  readonly reply: SessionReply
  readonly #encodings = new Map<number | string, readonly Uint8Array[]>()

  constructor(reply: SessionReply) {
    this.reply = reply
  }

  /** @param form what the encoding depends on beside the reply: the channel, or the name of a dialect */
  encoded(form: number | string, encode: (reply: SessionReply) => readonly Uint8Array[]): readonly Uint8Array[] {
    const known = this.#encodings.get(form)
    if (known) return known
    const messages = encode(this.reply)
    // whoever opens a large document on many channels would have it in memory as many times
    if (bytesOf(messages) > sharedFormBytesMax) this.#encodings.clear()
    this.#encodings.set(form, messages)
    return messages
  }
}

const temporary: ReadonlySet<ErrorCode> = new Set([
  'unauthorized', // with another token
  'token_expired',
  'authorization_unavailable',
  'storage_failed',
  'shutting_down',
  'internal',
  'document_busy',
  'disk_full',
])

/** The reply that says why a session was not opened, or is over. What is no SynclineError is a bug of ours. */
export function ending<Type extends 'refused' | 'closed'>(type: Type, error: unknown): Ending<Type> {
  const code = error instanceof SynclineError ? error.code : 'internal'
  const reason = error instanceof SynclineError ? error.message : adviceOn('internal')
  if (error instanceof Overload) return { type, code, reason, retry: true, retryMs: error.retryMs }
  return { type, code, reason, retry: temporary.has(code) }
}
