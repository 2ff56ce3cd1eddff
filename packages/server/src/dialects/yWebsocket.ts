import type { Ending, ErrorCode, SessionReply } from '@syncline/protocol'
import { unreachable } from '@syncline/protocol'
import type { Visitor } from '../auth/authorize.js'
import { tokenIn } from '../auth/bearer.js'
import type { Link, LinkHandler } from '../connection/link.js'
import type { SharedReply } from '../rooms/session.js'
import type { DialectSession, NewSession } from './dialectSession.js'
import { decodeYMessage, encodeYMessage, type YMessage } from './yMessages.js'

// an update that contains nothing, and an awareness message that names nobody
const emptyUpdate = Uint8Array.of(0, 0)
const keepAlive = Uint8Array.of(1, 1, 0)

/** Closes a connection for good whose message is too large; the 1009 of WebSocket would bring the client back. */
export const tooLargeStatus = 4413

/** What it needs of its link. */
export type YLink = Pick<
  Link,
  'account' | 'charge' | 'close' | 'fail' | 'hold' | 'holdFor' | 'pause' | 'ping' | 'resume' | 'send' | 'whenRoom'
>

/**
 * An unmodified y-websocket client: one connection, one document.
 *
 * Both sides say what they have (step 1) and answer with the rest (step 2). The client's step 2 answers the `opened`
 * or `resync` that our step 1 stands for; the updates it sent before are in it, and the room passes over them. The
 * echo of its updates, after their commit, is what the client may take as an acknowledgement.
 */
export class YWebsocketConnection implements LinkHandler {
  // 4408 would keep the client from coming back
  readonly slowReaderStatus = 4508
  readonly #link: YLink
  readonly #session: DialectSession
  #seq = 0

  constructor(link: YLink, newSession: NewSession, document: string, visitor: Visitor) {
    this.#link = link
    const token = tokenIn(visitor)
    this.#session = newSession({
      account: link.account,
      echo: true,
      credentials: () => ({ token, visitor }),
      whenRoom: (call) => this.#link.whenRoom(call),
      deliver: (reply) => this.#deliver(reply),
      hold: () => link.hold(),
      holdFor: (ms) => link.holdFor(ms),
      drop: () => {}, // closing the link does
      expires: () => {},
      ended: () => {},
    })
    // the client speaks at once, the room may have to be loaded first
    link.pause()
    // a point that no log confirms: the client's step 1 is the exchange that the room then waits for
    const resume = { epoch: '', position: 0, chain: 0 }
    this.#session
      .open({ type: 'open', name: document, resume, stateVector: Uint8Array.of(0) })
      .catch((error: unknown) => link.fail(1011, error))
  }

  /** One message each: released clients read the first of a frame, and drop the rest without a word. */
  pack(messages: Uint8Array[]): Uint8Array[] {
    return messages
  }

  received(frame: Uint8Array): null {
    this.#link.charge('messages', 1)
    const message = this.#decoded(frame)
    if (message) this.#handle(message)
    return null
  }

  congested(_channel: number, isCongested: boolean): void {
    this.#session.setCongested(isCongested)
  }

  ask(): void {
    this.#link.ping()
  }

  quiet(): void {
    this.#link.send(0, [keepAlive])
  }

  reassure(): void {
    this.quiet()
  }

  leaving(): void {}

  ended(): void {
    this.#session.leave()
  }

  #decoded(frame: Uint8Array): YMessage | null {
    try {
      return decodeYMessage(frame)
    } catch (error) {
      this.#link.fail(4400, error)
      return null
    }
  }

  #handle(message: YMessage): void {
    switch (message.type) {
      case 'step1':
        return this.#session.receive({ type: 'exchange', stateVector: message.stateVector })
      case 'step2':
      case 'update':
        return this.#session.receive({
          type: 'update',
          seq: ++this.#seq,
          answer: message.type === 'step2',
          update: message.update,
        })
      case 'awareness':
        return this.#session.receive(message)
      default:
        return unreachable(message)
    }
  }

  #deliver(reply: SharedReply): void {
    const { type } = reply.reply
    if (type === 'refused' || type === 'closed') return this.#close(reply.reply)
    if (type === 'opened') this.#link.resume()
    this.#link.send(0, reply.encoded('y-websocket', translate))
  }

  #close({ code, reason, retry }: Ending<'refused' | 'closed'>): void {
    const statuses = retry ? retryStatuses : finalStatuses
    this.#link.close(statuses[code] ?? (retry ? 4500 : 4400), `${code}: ${reason}`)
  }
}

// 4400 to 4499 keep the client from coming back, others do not
const finalStatuses: { readonly [code in ErrorCode]?: number } = {
  forbidden: 4403,
  revoked: 4403,
  read_only: 4403,
  update_too_large: tooLargeStatus,
  document_too_large: tooLargeStatus,
}
const retryStatuses: { readonly [code in ErrorCode]?: number } = {
  // this client reads its parameters again only when the application connects it
  unauthorized: 4401,
  token_expired: 4401,
  authorization_unavailable: 4504,
  not_loaded: 4504,
  shutting_down: 1001,
  internal: 1011,
  storage_failed: 4503,
  disk_full: 4507,
  too_many_sessions: 4510,
  rate_limited: 4529,
}

function translate(reply: SessionReply): Uint8Array[] {
  const message = translated(reply)
  return message ? [encodeYMessage(message)] : []
}

function translated(reply: SessionReply): YMessage | null {
  switch (reply.type) {
    case 'opened':
    case 'resync':
      return reply.stateVector && { type: 'step1', stateVector: reply.stateVector }
    case 'synced':
      return { type: 'step2', update: reply.update ?? emptyUpdate }
    case 'update':
    case 'awareness':
      return { type: reply.type, update: reply.update }
    case 'ack':
    case 'access':
    case 'signal': // its clients know no such thing
    case 'digest':
    case 'rejected':
    case 'refused':
    case 'closed':
      return null
    default:
      return unreachable(reply)
  }
}
