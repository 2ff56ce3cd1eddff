import { type Channel, type DocumentReply, type ErrorCode, type SessionReply, SynclineError } from '@syncline/protocol'
import type { Recorder } from './devtools/recorder.js'
import type { SharedDocument } from './document.js'
import type { Link } from './link.js'
import { type DocumentSignals, Signals, textOf } from './signals.js'
import type { Tokens } from './tokens.js'

/** Another token may help. */
const wantsToken: ReadonlySet<ErrorCode> = new Set(['unauthorized', 'token_expired'])

/** What is said to who has no other token: it is of no use to try again. */
function withoutToken(reply: DocumentReply): DocumentReply {
  const isOver = (reply.type === 'refused' || reply.type === 'closed') && wantsToken.has(reply.code)
  return isOver ? { ...reply, retry: false } : reply
}

/** The sessions of the present link: which document has which channel, and what becomes of one that the relay ended. */
export class Sessions {
  readonly #signals = new Signals()
  readonly #tokens: Tokens
  readonly #link: () => Link | null
  readonly #open = new Map<Channel, SharedDocument>()
  /** documents that got something in the frames that are being read */
  readonly #touched = new Set<SharedDocument>()
  /** documents whose session waits for another token */
  readonly #shutOut = new Set<SharedDocument>()
  /** of documents that somebody looks into */
  readonly recorders = new WeakMap<SharedDocument, Recorder>()
  #lastChannel = 0

  /** @param link the one on which sessions can be opened */
  constructor(tokens: Tokens, link: () => Link | null) {
    this.#tokens = tokens
    this.#link = link
  }

  /** Another link: channels begin anew. */
  begin(documents: Iterable<SharedDocument>): void {
    this.#lastChannel = 0
    for (const document of documents) this.join(document)
  }

  /** Opens a session, if there is a link to open it on. */
  join(document: SharedDocument): void {
    const link = this.#link()
    if (!link?.isOpen) return
    const channel = ++this.#lastChannel
    this.#open.set(channel, document)
    document.join((message) => {
      this.recorders.get(document)?.record('sent', message)
      link.send({ type: 'session', channel, message })
    })
  }

  /** Its session was closed from here. */
  leave(document: SharedDocument): void {
    for (const [channel, other] of this.#open) if (other === document) this.#open.delete(channel)
  }

  received(channel: Channel, received: SessionReply): void {
    const document = this.#open.get(channel)
    // the last of a session that was closed meanwhile
    if (!document) return
    if (received.type === 'signal') {
      document.settle()
      return this.#signals.heard(document, received.payload)
    }
    const reply = this.#tokens.areAsked ? received : withoutToken(received)
    this.#touched.add(document)
    this.recorders.get(document)?.record('received', reply)
    document.receive(reply)
    if (reply.type === 'refused' || reply.type === 'closed') this.#ended(channel, document, reply.code, reply.retryMs)
  }

  faulted(channel: Channel, error: SynclineError): void {
    const document = this.#open.get(channel)
    if (!document) return
    document.fault(error.code, error.message, true)
    this.#ended(channel, document, error.code)
  }

  /** What is said in passing in a document. */
  signalsOf(document: SharedDocument): DocumentSignals {
    return { heard: this.#signals.of(document), say: (payload) => this.#signal(document, payload) }
  }

  #signal(document: SharedDocument, payload: unknown): boolean {
    const message = { type: 'signal', payload: textOf(payload) } as const
    const { access, synced } = document.status
    if (access === 'read') throw new SynclineError('read_only')
    const [channel] = [...this.#open].find(([, other]) => other === document) ?? []
    const link = this.#link()
    if (!synced || !link || channel === undefined) return false
    link.send({ type: 'session', channel, message })
    return true
  }

  /** The frames are read. */
  settle(): void {
    for (const document of this.#touched) document.settle()
    this.#touched.clear()
  }

  /** The application has given another token. */
  readonly renewed = (token: string): void => {
    const link = this.#link()
    if (!link) return
    link.send({ type: 'token', token })
    const waiting = [...this.#shutOut]
    this.#shutOut.clear()
    for (const document of waiting) if (document.lacksSession) this.join(document)
  }

  /** The link is gone. */
  clear(): void {
    this.#shutOut.clear()
    this.#open.clear()
    this.#touched.clear()
  }

  #ended(channel: Channel, document: SharedDocument, code: ErrorCode, retryMs?: number): void {
    this.#open.delete(channel)
    if (!document.lacksSession) return
    if (!wantsToken.has(code)) return document.backoff.retry(() => this.join(document), retryMs)
    this.#shutOut.add(document)
    this.#tokens.renew(this.renewed)
  }
}
