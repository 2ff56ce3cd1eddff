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
  /** the form that was asked for last, and what it is: most sessions of a room ask for the same */
  #lastForm: number | string | null = null
  #last: readonly Uint8Array[] = []

  constructor(reply: SessionReply) {
    this.reply = reply
  }

  /** @param form what the encoding depends on beside the reply: the channel, or the name of a dialect */
  encoded(form: number | string, encode: (reply: SessionReply) => readonly Uint8Array[]): readonly Uint8Array[] {
    if (form !== this.#lastForm) {
      this.#last = this.#encodings.get(form) ?? this.#encode(form, encode)
      this.#lastForm = form
    }
    return this.#last
  }

  #encode(form: number | string, encode: (reply: SessionReply) => readonly Uint8Array[]): readonly Uint8Array[] {
    const messages = encode(this.reply)
    // whoever opens a large document on many channels would have it in memory as many times
    if (bytesOf(messages) > sharedFormBytesMax) this.#encodings.clear()
    this.#encodings.set(form, messages)
    return messages
  }
}

/** The reply that was sent last, with its encodings, where the next one is the same `synced`. */
export function replyLike(last: SharedReply | undefined, message: SessionReply): SharedReply {
  if (last?.reply.type !== 'synced' || message.type !== 'synced') return new SharedReply(message)
  const { update, position } = last.reply
  return update === message.update && position === message.position ? last : new SharedReply(message)
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
