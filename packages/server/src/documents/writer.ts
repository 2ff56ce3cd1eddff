import { type LogPoint, type SessionId, SynclineError } from '@syncline/protocol'
import type { LiveRoom } from '../rooms/liveRoom.js'
import type { Session, SharedReply } from '../rooms/session.js'
import type { Author, DocumentPoint } from './types.js'

const emptyStateVector = Uint8Array.of(0)

/**
 * One edit on its way to the log: a session of its own, in the author's name, that begins where the document is, sends
 * one update and is over when that is on disk.
 */
export class Writer implements Session {
  readonly id: SessionId
  readonly #resolve: (point: DocumentPoint) => void
  readonly #reject: (error: SynclineError) => void
  readonly #point: LogPoint
  /** resolves when the edit is on disk */
  readonly done: Promise<DocumentPoint>
  #isOver = false
  #isAcknowledged = false

  constructor(id: SessionId, point: LogPoint) {
    this.id = id
    this.#point = point
    const { promise, resolve, reject } = withResolvers<DocumentPoint>()
    this.done = promise
    this.#resolve = resolve
    this.#reject = reject
    promise.catch(() => {}) // whoever waits is told; it may be refused before anybody does
  }

  /** True where it is over in this very turn: then nobody has the edit. */
  send(room: LiveRoom, document: string, author: Author, update: Uint8Array): boolean {
    room.join(
      this,
      { author: author.subject, access: 'write', echo: false },
      { type: 'open', name: document, resume: this.#point, stateVector: emptyStateVector },
    )
    if (!this.#isOver) room.receive(this, { type: 'update', seq: 1, answer: false, update })
    const leave = () => room.leave(this)
    this.done.then(leave, leave)
    return !this.#isOver
  }

  deliver({ reply }: SharedReply): void {
    switch (reply.type) {
      case 'opened':
        if (reply.access === 'read') this.#fail(new SynclineError('disk_full'))
        else if (reply.stateVector !== null) this.#fail(new SynclineError('internal'))
        return
      case 'ack':
        this.#isAcknowledged = true
        return this.#resolve({ epoch: this.#point.epoch, position: reply.position })
      case 'resync':
        return this.#fail(new SynclineError('incomplete_update'))
      case 'synced':
      case 'update':
      case 'awareness':
      case 'signal':
      case 'digest':
      case 'access':
        return // the document itself is told, too
      case 'rejected':
      case 'closed':
      case 'refused':
        return this.#fail(Object.assign(new SynclineError(reply.code), { message: reply.reason }))
    }
  }

  ended(): void {
    if (!this.#isAcknowledged) this.#fail(new SynclineError('storage_failed'))
  }

  #fail(error: SynclineError): void {
    this.#isOver = true
    this.#reject(error)
  }
}

/** As `Promise.withResolvers`, which Node 20 does not have. */
export function withResolvers<Value>() {
  let resolve: (value: Value) => void = () => {}
  let reject: (error: unknown) => void = () => {}
  const promise = new Promise<Value>((fulfil, fail) => {
    resolve = fulfil
    reject = fail
  })
  return { promise, resolve, reject }
}
