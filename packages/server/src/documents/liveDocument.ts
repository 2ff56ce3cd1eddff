import { admitUpdate, Coverage, type Ending, type LogPoint, type SessionId, SynclineError } from '@syncline/protocol'
import * as Y from 'yjs'
import type { RelayContext } from '../connection/context.js'
import { Overload } from '../limits/limiter.js'
import type { LiveRoom } from '../rooms/liveRoom.js'
import type { Session, SharedReply } from '../rooms/session.js'
import { AwarenessView } from './awareness.js'
import { Replica } from './replica.js'
import type { DocumentPoint, Edit, Observer } from './types.js'
import { Writer, withResolvers } from './writer.js'

const emptyStateVector = Uint8Array.of(0)
// edits that are made in one go share a commit; whoever reads waits for that
const batchEditsMax = 256
// whoever waits for this process waits for a batch
const batchMsMax = 10
// edits that wait for their turn: a caller that is faster than the disk has to slow down
const waitingEditsMax = 10_000

interface WaitingEdit extends Edit {
  readonly resolve: (point: DocumentPoint) => void
  readonly reject: (error: unknown) => void
}

/** What a live document was left with when it ended, for the next one of that name. */
export interface Remains {
  readonly point: LogPoint
  readonly clientId: number
}

/** What a live document needs of its owner. */
export interface LiveDocumentOwner {
  readonly context: RelayContext
  newClientId(): number
  /** it is over: nothing can be asked of it any more; null where what it wrote last is in doubt */
  ended(document: LiveDocument, remains: Remains | null): void
}

/**
 * A document that the server itself works on: a session of the room like any other, which follows how far the document
 * is, and makes a Y.Doc of it while somebody reads or edits.
 *
 * Edits are made in the Y.Doc and are there before they are on disk: so they are made in batches, and whoever reads is let
 * in between them. What is read is on disk.
 */
export class LiveDocument implements Session {
  readonly name: string
  readonly id: SessionId
  readonly awareness: AwarenessView
  readonly #owner: LiveDocumentOwner
  readonly #context: RelayContext
  readonly #room: LiveRoom
  readonly #opened = withResolvers<void>()
  readonly #observers = new Set<Observer>()
  readonly #waiting: WaitingEdit[] = []
  readonly #readers: (() => void)[] = []
  #point: LogPoint = { epoch: '', position: 0, chain: 0 }
  /** resolved once the document is known; then `#error` says whether it is over */
  #isOpen = false
  #error: SynclineError | null = null
  #clientId: number
  readonly #isResuming: boolean
  #replica: Replica | null = null
  /** an answer to `exchange`, which comes within the call */
  #exchanged: { readonly update: Uint8Array | null } | null = null
  #isWriting = false
  #willTell = false

  /**
   * @param remains of an earlier one: where the room goes on from there, its client id can be used again
   * @throws SynclineError what opening the room throws
   */
  constructor(name: string, owner: LiveDocumentOwner, remains: Remains | null) {
    this.name = name
    this.#owner = owner
    this.#context = owner.context
    this.id = owner.context.nextSession()
    this.awareness = new AwarenessView(owner.context.limits)
    this.#clientId = remains?.clientId ?? owner.newClientId()
    this.#isResuming = remains !== null
    this.#room = owner.context.rooms.open(name)
    this.#opened.promise.catch(() => {})
    const resume = remains?.point ?? null
    const request = { type: 'open', name, resume, stateVector: emptyStateVector } as const
    this.#room.join(this, { author: '', access: 'read', echo: false }, request)
  }

  /** How far the document is, on disk; only once it was opened. */
  get point(): DocumentPoint {
    return { epoch: this.#point.epoch, position: this.#point.position }
  }

  /** Whether anybody waits for it, or watches it. */
  get isBusy(): boolean {
    return !this.#isOpen || this.#isWriting || this.#waiting.length > 0 || this.#observers.size > 0
  }

  get isOver(): boolean {
    return this.#error !== null
  }

  /** Bytes of what its Y.Doc was made from; 0 where there is none. */
  get replicaBytes(): number {
    return this.#replica?.bytes ?? 0
  }

  /** Resolves when the point is known. Rejects with why the document cannot be opened. */
  async opened(): Promise<void> {
    await this.#opened.promise
    if (this.#error) throw this.#error
  }

  /**
   * Looks at the document as it is on disk. What `look` returns must not keep the Y.Doc.
   *
   * @throws SynclineError why the document cannot be opened or loaded
   */
  async read<Result>(look: (doc: Y.Doc, point: DocumentPoint) => Result): Promise<Result> {
    await this.opened()
    if (!this.#isWriting) return this.#look(look)
    // in the very turn between two batches
    return new Promise((resolve, reject) => {
      this.#readers.push(() => {
        try {
          resolve(this.#look(look))
        } catch (error) {
          reject(error)
        }
      })
    })
  }

  /**
   * Makes an edit, whole or not at all. Resolves when it is on disk.
   *
   * @throws SynclineError why it was not made, and whatever `make.run` throws
   */
  async write(edit: Edit): Promise<DocumentPoint> {
    await this.opened()
    if (this.#waiting.length >= waitingEditsMax) throw new SynclineError('document_busy')
    const { promise, resolve, reject } = withResolvers<DocumentPoint>()
    this.#waiting.push({ ...edit, resolve, reject })
    if (!this.#isWriting) this.#writeAll().catch(this.#context.exception)
    return promise
  }

  /** Tells of changes until the result is called. */
  observe(observer: Observer): () => void {
    if (this.#error) throw this.#error
    this.#observers.add(observer)
    return () => void this.#observers.delete(observer)
  }

  /** Lets go of the Y.Doc; the next look makes a new one. */
  forgetReplica(): void {
    if (this.#isWriting) return
    this.#dropReplica()
  }

  /** Ends it. */
  leave(): void {
    this.#room.leave(this)
  }

  deliver({ reply }: SharedReply): void {
    switch (reply.type) {
      case 'opened':
        return this.#takeOpened(reply.point, reply.stateVector !== null)
      case 'synced':
        this.#point = { ...this.#point, position: reply.position, chain: reply.chain }
        this.#exchanged = { update: reply.update }
        if (!this.#isOpen) this.#becomeOpen()
        return
      case 'update':
        this.#point = { ...this.#point, position: reply.position, chain: reply.chain }
        if (this.#replica && !this.#replica.receive(reply.update) && !this.#isWriting) this.#dropReplica()
        return this.#tellSoon()
      case 'awareness':
        return this.awareness.receive(reply.update)
      case 'signal':
        for (const observer of this.#observers) observer.signalled?.(reply.payload)
        return
      case 'ack':
      case 'resync':
      case 'rejected':
      case 'digest':
      case 'access':
        return // it sends nothing that would be answered so
      case 'closed':
      case 'refused':
        return this.#end(errorOf(reply))
    }
  }

  ended(): void {
    this.#end(new SynclineError('closed', 'The document is not open any more'))
  }

  #takeOpened(point: LogPoint, isAsked: boolean): void {
    this.#point = point
    // it was opened with the point of an earlier one: where the log goes on from there, all that was written is in it
    if (!isAsked || !this.#isResuming) return
    this.#clientId = this.#owner.newClientId()
    // in a turn of its own: a session steps no room while it is told something
    queueMicrotask(() => this.#exchange())
  }

  #becomeOpen(): void {
    this.#isOpen = true
    this.#exchanged = null // all of it, where nothing was resumed: nobody has asked for it yet
    this.#opened.resolve()
  }

  #look<Result>(look: (doc: Y.Doc, point: DocumentPoint) => Result): Result {
    if (this.#error) throw this.#error
    return look(this.#current().doc, this.point)
  }

  #exchange(): void {
    this.#room.receive(this, { type: 'exchange', stateVector: emptyStateVector })
  }

  /** The Y.Doc with all that is on disk. */
  #current(): Replica {
    if (this.#replica === null) {
      this.#exchanged = null
      this.#exchange()
      if (this.#error) throw this.#error
      const exchanged = this.#exchanged as { readonly update: Uint8Array | null } | null
      this.#exchanged = null
      if (exchanged === null) throw new SynclineError('document_busy')
      this.#replica = new Replica(this.#clientId, exchanged.update)
    }
    try {
      this.#replica.catchUp()
    } catch (error) {
      // it has a part of what came
      this.#dropReplica()
      throw error
    }
    return this.#replica
  }

  #dropReplica(): void {
    this.#replica?.destroy()
    this.#replica = null
  }

  async #writeAll(): Promise<void> {
    this.#isWriting = true
    try {
      while (this.#waiting.length > 0 && this.#error === null) {
        await this.#roomInBacklog()
        await this.#writeBatch()
        this.#letReadersIn()
      }
    } finally {
      this.#isWriting = false
      this.#letReadersIn()
    }
  }

  /** Waits while more waits for the disk than may: as connections do. */
  async #roomInBacklog(): Promise<void> {
    const { backlog } = this.#context
    if (!backlog.isFull) return
    await new Promise<void>((resolve) => backlog.hold({ release: resolve }))
  }

  #letReadersIn(): void {
    for (const letIn of this.#readers.splice(0)) letIn()
  }

  /**
   * Makes the edits that wait, one after the other, and waits for all of them. Where one has gone wrong half way, the
   * batch ends with it: the Y.Doc has what nobody else will get, so it is made anew before the next edit.
   */
  async #writeBatch(): Promise<void> {
    const sent: Promise<unknown>[] = []
    const unchanged: WaitingEdit[] = []
    const end = performance.now() + batchMsMax
    for (let count = 0; count < batchEditsMax && this.#waiting.length > 0; count++) {
      if (count > 0 && performance.now() >= end) break
      const edit = this.#waiting.shift() as WaitingEdit
      let isIntact = true
      try {
        const update = this.#prepare(edit, sent.length > 0)
        if (update === null) {
          unchanged.push(edit)
        } else {
          // only those that ask for it wait: the others are in one commit
          if (edit.before) await edit.before(update).catch(spoil)
          const writer = this.#send(edit, update)
          sent.push(writer.done.then(edit.resolve, edit.reject))
          isIntact = writer.isTaken || 'update' in edit.make
        }
      } catch (thrown) {
        isIntact = !(thrown instanceof HalfMade)
        edit.reject(thrown instanceof HalfMade ? thrown.cause : thrown)
      }
      if (isIntact) continue
      await Promise.all(sent)
      this.#dropReplica()
      break
    }
    await Promise.all(sent)
    // what was there already may be so because of an edit of this batch
    for (const edit of unchanged) this.#error ? edit.reject(this.#error) : edit.resolve(this.point)
  }

  /** What an edit comes to as an update, which the Y.Doc has now; null where that is nothing. */
  #prepare(edit: WaitingEdit, isChanged: boolean): Uint8Array | null {
    if (this.#error) throw this.#error
    const replica = this.#currentFor(isChanged)
    edit.check?.(isChanged ? { ...this.point, position: this.point.position + 1 } : this.point)
    const update = 'update' in edit.make ? this.#foreign(replica, edit.make.update) : made(replica, edit.make.run)
    if (update !== null && update.length > this.#context.limits.updateBytesMax) {
      throw new HalfMade(new SynclineError('update_too_large', `The edit has ${update.length} bytes`))
    }
    return update
  }

  /** One that is made anew lacks what is on its way to the log: then the batch has to end before. */
  #currentFor(isChanged: boolean): Replica {
    if (!isChanged) return this.#current()
    try {
      return this.#current()
    } catch (error) {
      return spoil(error)
    }
  }

  #send(edit: WaitingEdit, update: Uint8Array): { readonly done: Promise<DocumentPoint>; readonly isTaken: boolean } {
    try {
      if (this.#error) throw this.#error
      const writer = new Writer(this.#context.nextSession(), this.#point)
      const isTaken = writer.send(this.#room, this.name, edit.author, update)
      return { done: writer.done, isTaken }
    } catch (error) {
      return spoil(error)
    }
  }

  /** An update of others: scanned, and whole, before any of it is kept. Null where the document has all of it. */
  #foreign(replica: Replica, update: Uint8Array): Uint8Array | null {
    const coverage = new Coverage()
    coverage.add(Y.encodeStateAsUpdate(replica.doc))
    const admission = admitUpdate(coverage, update, this.#context.limits)
    if (!admission.complete) throw new SynclineError('incomplete_update')
    return admission.update && update
  }

  #tellSoon(): void {
    if (this.#willTell || this.#observers.size === 0) return
    this.#willTell = true
    queueMicrotask(() => {
      this.#willTell = false
      for (const observer of [...this.#observers]) this.#tell(() => observer.changed(this.point))
    })
  }

  #tell(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.#context.exception(error)
    }
  }

  #end(error: SynclineError): void {
    if (this.#error) return
    this.#error = error
    // one that begins anew under this name goes on from nowhere
    const isInDoubt = this.#isWriting || !this.#isOpen || error.code === 'document_deleted'
    this.#opened.resolve()
    this.#dropReplica()
    for (const edit of this.#waiting.splice(0)) edit.reject(error)
    this.#letReadersIn()
    for (const observer of [...this.#observers]) this.#tell(() => observer.ended(error))
    this.#observers.clear()
    this.#owner.ended(this, isInDoubt ? null : { point: this.#point, clientId: this.#clientId })
  }
}

function errorOf({ code, reason, retryMs }: Ending<'refused' | 'closed'>): SynclineError {
  const error = retryMs === undefined ? new SynclineError(code) : new Overload(code, retryMs)
  return Object.assign(error, { message: reason })
}

/** An edit has changed the Y.Doc, and nobody else will get it. */
class HalfMade extends Error {
  constructor(cause: unknown) {
    super('An edit was not finished', { cause })
  }
}

function spoil(error: unknown): never {
  throw new HalfMade(error)
}

function made(replica: Replica, run: (doc: Y.Doc) => void): Uint8Array | null {
  const result = replica.edit(run)
  if ('update' in result) return result.update
  throw result.isIntact ? result.thrown : new HalfMade(result.thrown)
}
