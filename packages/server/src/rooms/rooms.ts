import type { DocumentInfo, Log, RoomEffect, StoredDocument } from '@syncline/protocol'
import { SynclineError } from '@syncline/protocol'
import { relayDocument } from '../auth/authorize.js'
import { Compactor } from '../compaction/compactor.js'
import { CompactionThread } from '../compaction/thread.js'
import { countRefusal, countRejection } from '../counters.js'
import type { Condition } from '../health.js'
import type { RoomsContext, RoomsOptions } from './context.js'
import { FanOut } from './fanOut.js'
import { LiveRoom } from './liveRoom.js'
import type { Session } from './session.js'
import { Storage } from './storage.js'

/** All documents that somebody has open: the one owner of their rooms. */
export class Rooms {
  /** called when somebody opens the relay itself */
  onOperator: () => void = () => {}
  readonly #rooms = new Map<string, LiveRoom>()
  readonly #storage: Storage
  readonly #compactor: Compactor
  readonly #context: RoomsContext
  /** documents that are being deleted */
  readonly #removing = new Set<string>()
  #isReadOnly = false
  #isClosing = false

  constructor(log: Log, options: RoomsOptions) {
    this.#storage = new Storage(log, options)
    this.#compactor = new Compactor(this.#storage, {
      ...options,
      thread: new CompactionThread(options.clock),
      isOpen: (document) => this.#rooms.has(document),
      compacted: (document, compacted) => this.#rooms.get(document)?.compacted(compacted),
      storageFailed: (error) => this.#storageFailed(error),
    })
    this.#context = {
      ...options,
      storage: this.#storage,
      compactor: this.#compactor,
      fanOut: new FanOut(options.clock.now(), options.limits),
      isReadOnly: () => this.#isReadOnly,
      storageFailed: (error) => this.#storageFailed(error),
      note: (document, note) => this.#note(document, note),
    }
  }

  get size(): number {
    return this.#rooms.size
  }

  /** sessions in all rooms */
  get sessions(): number {
    let sessions = 0
    for (const room of this.#rooms.values()) sessions += room.sessions
    return sessions
  }

  /** How long updates gather after a broadcast, in ms, in the room where that is longest. */
  get gatherMs(): number {
    const { fanOut, clock } = this.#context
    fanOut.ask(clock.now(), 0) // where nothing has happened for a while, nobody waits
    let gatherMs = 0
    for (const room of this.#rooms.values()) gatherMs = Math.max(gatherMs, room.gatherMs)
    return gatherMs
  }

  /** Bytes of updates after their bases, of all documents in memory. */
  get tailBytes(): number {
    let bytes = 0
    for (const room of this.#rooms.values()) bytes += room.tailBytes
    return bytes
  }

  /** False while documents cannot be opened and changed. */
  get ready(): boolean {
    return this.condition === 'ready'
  }

  /** Whether documents can be opened and changed, and if not why. */
  get condition(): Exclude<Condition, 'event_loop_late'> {
    if (this.#isClosing) return 'draining'
    if (!this.#storage.ready) return 'storage_failed'
    return this.#isReadOnly ? 'read_only' : 'ready'
  }

  /** True while edits are refused, since the disk is nearly full. */
  get isReadOnly(): boolean {
    return this.#isReadOnly
  }

  /** Refuses edits from here on, or takes them again. What is queued is committed. */
  setReadOnly(readOnly: boolean): void {
    this.#isReadOnly = readOnly
    for (const room of this.#rooms.values()) room.setReadOnly(readOnly)
  }

  /**
   * The room of a document, for a session that joins it in the same turn.
   *
   * @throws SynclineError `shutting_down`, `storage_failed`, `document_busy`
   */
  open(document: string): LiveRoom {
    if (this.#isClosing) throw new SynclineError('shutting_down')
    this.#storage.assertReady()
    if (this.#removing.has(document)) throw new SynclineError('document_busy')
    if (document === relayDocument) this.onOperator()
    return this.#rooms.get(document) ?? this.#create(document)
  }

  /**
   * Deletes a document. Its sessions are told when it is deleted for good.
   *
   * @returns false where there is none
   * @throws SynclineError `document_busy`, `storage_failed`
   */
  async remove(document: string): Promise<boolean> {
    if (this.#removing.has(document)) throw new SynclineError('document_busy')
    const room = this.#rooms.get(document)
    this.#removing.add(document)
    try {
      // what is queued and not acknowledged goes with it
      await room?.suspend()
      const removed = await this.#writing(() => this.#storage.remove(document))
      room?.end(removed ? 'document_deleted' : 'document_busy')
      return removed
    } catch (error) {
      room?.end('storage_failed')
      throw error
    } finally {
      this.#removing.delete(document)
    }
  }

  /**
   * Deletes a document that nobody has open, unless it was changed meanwhile.
   *
   * @param changedBefore ms since 1970; one that was changed later stays
   * @throws SynclineError `storage_failed`, `shutting_down`
   */
  async removeUnused(document: string, changedBefore: number): Promise<boolean> {
    if (this.#rooms.has(document) || this.#removing.has(document)) return false
    this.#removing.add(document) // nobody opens it from here on
    try {
      const [info] = await this.#storage.list({ prefix: document, limit: 1 })
      if (info?.name !== document || info.changedAt === null || info.changedAt >= changedBefore) return false
      return await this.#writing(() => this.#storage.remove(document))
    } finally {
      this.#removing.delete(document)
    }
  }

  /**
   * Lets a deleted document begin anew.
   *
   * @returns false where none of this name was deleted
   */
  create(document: string): Promise<boolean> {
    return this.#writing(() => this.#storage.create(document, this.#context.newEpoch()))
  }

  /** Documents of the log, see `Log.list`. */
  list(options: Parameters<Log['list']>[0]): Promise<DocumentInfo[]> {
    return this.#storage.list(options)
  }

  /** The documents in memory. */
  get all(): readonly Pick<LiveRoom, 'name' | 'bytes' | 'updates' | 'clients'>[] {
    return [...this.#rooms.values()]
  }

  /** Reads a document from the log, whether it is in memory or not. */
  read(document: string): Promise<StoredDocument | null> {
    return this.#storage.read(document)
  }

  /** The sessions of a document, as far as they are of clients. */
  sessionsOf(document: string): Session[] {
    return this.#rooms.get(document)?.clients ?? []
  }

  /** Compacts a document, see `Compactor.compact`. */
  compact(document: string): Promise<void> {
    return this.#compactor.compact(document)
  }

  /** Takes no new session from here on, and commits what is queued. */
  async drain(): Promise<void> {
    this.#isClosing = true
    for (const room of this.#rooms.values()) room.flush()
    await this.#storage.drain()
  }

  /** Ends every room, and closes the log. */
  async close(): Promise<void> {
    this.#isClosing = true
    for (const room of this.#rooms.values()) room.end('shutting_down')
    await this.#compactor.close()
    await this.#context.loader?.close()
    await this.#storage.close()
  }

  /** A failed write puts everything in doubt. */
  async #writing<T>(write: () => Promise<T>): Promise<T> {
    if (this.#isClosing) throw new SynclineError('shutting_down')
    try {
      return await write()
    } catch (error) {
      if (error instanceof SynclineError && error.code === 'storage_failed' && this.#storage.ready) {
        this.#storageFailed(error)
      }
      throw error
    }
  }

  readonly #forget = (room: LiveRoom): void => {
    if (this.#rooms.get(room.name) === room) this.#rooms.delete(room.name)
  }

  #create(document: string): LiveRoom {
    const room = new LiveRoom(document, this.#context, this.#forget)
    this.#rooms.set(document, room)
    return room
  }

  #storageFailed(error: Error): void {
    if (this.#storage.ready) this.#context.counters.storageFaults++
    this.#storage.fail(error)
    // all of them: what the log has after it was opened again may be less than what any of them believes
    for (const room of this.#rooms.values()) room.end('storage_failed')
  }

  #note(document: string, note: Extract<RoomEffect, { type: 'note' }>): void {
    const { counters, logger } = this.#context
    switch (note.event) {
      case 'resync':
        counters.resyncs++
        return logger.debug(
          { event: 'resync', document, session: note.session },
          'an update refers to what the log lacks',
        )
      case 'digest_mismatch':
        counters.digestMismatches++
        return logger.warn(
          { event: 'digest_mismatch', document, session: note.session },
          'a replica differs from the log: healed by an exchange',
        )
      case 'rejected':
        countRejection(counters, note.code)
        return logger.info(
          { event: 'update_rejected', document, session: note.session, code: note.code },
          'an update was rejected',
        )
      case 'refused':
        countRefusal(counters, note.code)
        return logger.info(
          { event: 'session_refused', document, session: note.session, code: note.code },
          'a session was refused',
        )
    }
  }
}
