import { SynclineError } from '@syncline/protocol'
import type { Visitor } from '../auth/authorize.js'
import { tokenIn } from '../auth/bearer.js'
import { ClientSession } from '../connection/clientSession.js'
import type { RelayContext } from '../connection/context.js'
import type { Link, LinkHandler } from '../connection/link.js'
import { countRefusal } from '../counters.js'
import { HocuspocusDocument } from './hocuspocusDocument.js'
import { decodeHocuspocus, encodeHocuspocus, type HocuspocusFrame, pingFrame, pongFrame } from './hocuspocusMessages.js'

// a provider that shares a socket with others of its document appends NUL and a number of its own
const sessionIdLengthMax = 64
/** What Hocuspocus puts around an update, beside the document's name, at most. */
export const hocuspocusHeaderBytesMax = 3 * sessionIdLengthMax + 32

// how long a provider has until it asks for a document, and until it has been let into one: those that are refused may
// bring another token, and come back when they are closed
const askMs = 10_000
const admissionMs = 60_000

// providers come back after it, as after every other
const resetStatus = 4205
// each is told by a message of its own
const unsavedMax = 1_000
const noAwareness = Uint8Array.of(0)

interface Opened {
  readonly document: HocuspocusDocument
  readonly channel: number
}

/** An unmodified Hocuspocus provider, of version 3 or 4: one connection, any number of documents. */
export class HocuspocusConnection implements LinkHandler {
  readonly slowReaderStatus = 4408
  readonly #link: Link
  readonly #context: RelayContext
  readonly #visitor: Visitor
  readonly #documents = new Map<string, Opened>()
  readonly #byChannel = new Map<number, HocuspocusDocument>()
  /** updates that providers count and that nobody has taken, of documents that are over and may be opened again */
  readonly #unsaved = new Map<string, number>()
  #channels = 0
  #answersPings = false
  #cancelTimeout = () => {}

  constructor(link: Link, context: RelayContext, visitor: Visitor) {
    this.#link = link
    this.#context = context
    this.#visitor = visitor
    this.#endIn(askMs)
  }

  /** One message each: providers read one of a frame. */
  pack(messages: Uint8Array[]): Uint8Array[] {
    return messages
  }

  received(bytes: Uint8Array): null {
    this.#link.charge('messages', 1)
    const frame = this.#decoded(bytes)
    if (frame?.type === 'ping') this.#link.send(0, [pongFrame])
    if (frame?.type === 'document') this.#take(frame)
    return null
  }

  #take({ key, request }: Extract<HocuspocusFrame, { type: 'document' }>): void {
    if (key.length > this.#keyLengthMax)
      return this.#link.fail(4400, new SynclineError('invalid_name', 'It is too long'))
    const open = this.#documents.get(key)
    if (request?.type === 'token') {
      this.#answersPings ||= request.version !== null
      if (!open) return this.#open(key, request.token)
    }
    // what came for a document that was never opened, or is over, is in the step 2 of the next time
    const unsaved = this.#unsaved.get(key)
    if (open && request) open.document.receive(request)
    else if (request?.type === 'update' && unsaved !== undefined)
      this.#unsaved.set(key, Math.min(unsaved + 1, unsavedMax))
  }

  congested(channel: number, isCongested: boolean): void {
    this.#byChannel.get(channel)?.setCongested(isCongested)
  }

  ask(): void {
    this.#link.ping()
  }

  /** Providers give up after 30 s in which they were told nothing; those of version 3 do not know pings. */
  quiet(): void {
    const [first] = this.#documents
    if (first) {
      const [key, { channel }] = first
      return this.#link.send(channel, [encodeHocuspocus(key, { type: 'awareness', update: noAwareness })])
    }
    if (this.#answersPings) this.#link.send(0, [pingFrame])
  }

  reassure(): void {
    this.quiet()
  }

  leaving(): void {}

  ended(): void {
    this.#cancelTimeout()
    for (const { document } of [...this.#documents.values()]) document.leave()
  }

  #endIn(ms: number): void {
    this.#cancelTimeout()
    this.#cancelTimeout = this.#context.clock.after(ms, () =>
      this.#link.fail(this.slowReaderStatus, new SynclineError('hello_timeout')),
    )
  }

  get #keyLengthMax(): number {
    return this.#context.limits.nameBytesMax + 1 + sessionIdLengthMax
  }

  #decoded(bytes: Uint8Array) {
    try {
      return decodeHocuspocus(bytes)
    } catch (error) {
      this.#link.fail(4400, error)
      return null
    }
  }

  #open(key: string, token: string): void {
    const channel = ++this.#channels
    if (channel === 1) this.#endIn(admissionMs)
    const deny = (error: SynclineError) => {
      countRefusal(this.#context.counters, error)
      this.#link.send(channel, [encodeHocuspocus(key, { type: 'denied', reason: `${error.code}: ${error.message}` })])
    }
    const { connectionDocumentsMax } = this.#context.limits
    if (this.#documents.size >= connectionDocumentsMax) {
      return deny(new SynclineError('too_many_documents', `${connectionDocumentsMax} are open`))
    }
    const document = new HocuspocusDocument(
      {
        key,
        name: key.split('\0', 1)[0]!,
        credentials: (given) => ({ token: given || tokenIn(this.#visitor), visitor: this.#visitor }),
        send: (messages) => this.#link.send(channel, messages),
        drop: () => this.#link.drop(channel),
        whenRoom: (call) => this.#link.whenRoom(call),
        hold: () => this.#link.hold(),
        holdFor: (ms) => this.#link.holdFor(ms),
        account: this.#link.account,
        clock: this.#context.clock,
        reauthorizing: () => this.#link.charge('opens', 1),
        opened: () => this.#cancelTimeout(),
        later: (call) => queueMicrotask(() => this.#link.guarded(call)),
        lost: (reason) => this.#link.finish(resetStatus, reason),
        ended: (unsaved) => this.#forget(key, channel, unsaved),
      },
      this.#context.limits.updateBytesMax,
      (wire) => new ClientSession(this.#context, wire),
    )
    this.#documents.set(key, { document, channel })
    this.#byChannel.set(channel, document)
    document.open(token, this.#unsaved.get(key) ?? 0)
    this.#unsaved.delete(key)
  }

  #forget(key: string, channel: number, unsaved: number): void {
    this.#byChannel.delete(channel)
    if (this.#documents.get(key)?.channel !== channel) return
    this.#documents.delete(key)
    if (this.#unsaved.size < this.#context.limits.connectionDocumentsMax)
      this.#unsaved.set(key, Math.min(unsaved, unsavedMax))
  }
}
