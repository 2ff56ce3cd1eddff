import type { Limits, Log, RoomEffect } from '@syncline/protocol'
import { SynclineError } from '@syncline/protocol'
import type { Clock } from '../clock.js'
import type { Counters } from '../counters.js'
import type { Logger } from '../logger.js'
import { LiveRoom } from './liveRoom.js'
import { Storage } from './storage.js'

/** What the rooms of a relay work with. */
export interface RoomsOptions {
  readonly limits: Limits
  readonly clock: Clock
  readonly logger: Logger
  readonly counters: Counters
  /** see `StorageOptions` */
  readonly reopen: (() => Promise<Log>) | null
  /** counts and logs an exception that was caught at the edge of a room */
  readonly exception: (error: unknown) => void
  /** how long a room stays when its last session has left: a page that is reloaded comes back to it */
  readonly unloadMs: number
  /** the epoch of a document that is new: 16 random hex digits */
  readonly newEpoch: () => string
}

/** What one room needs of its owner. */
export interface RoomsContext extends Omit<RoomsOptions, 'reopen'> {
  readonly storage: Storage
  storageFailed(error: Error): void
  note(document: string, note: Extract<RoomEffect, { type: 'note' }>): void
}

/** All documents that somebody has open: the one owner of their rooms. */
export class Rooms {
  readonly #rooms = new Map<string, LiveRoom>()
  readonly #storage: Storage
  readonly #context: RoomsContext
  #isClosing = false

  constructor(log: Log, options: RoomsOptions) {
    this.#storage = new Storage(log, options)
    this.#context = {
      ...options,
      storage: this.#storage,
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

  /** False while documents can neither be opened nor changed. */
  get ready(): boolean {
    return this.#storage.ready && !this.#isClosing
  }

  /**
   * The room of a document, for a session that joins it in the same turn.
   *
   * @throws SynclineError `shutting_down`, `storage_failed`
   */
  open(document: string): LiveRoom {
    if (this.#isClosing) throw new SynclineError('shutting_down')
    this.#storage.assertReady()
    return this.#rooms.get(document) ?? this.#create(document)
  }

  /** Takes no new session from here on, and commits what is queued. */
  async drain(): Promise<void> {
    this.#isClosing = true
    await this.#storage.drain()
  }

  /** Ends every room, and closes the log. */
  async close(): Promise<void> {
    this.#isClosing = true
    for (const room of this.#rooms.values()) room.end('shutting_down')
    await this.#storage.close()
  }

  #create(document: string): LiveRoom {
    const room = new LiveRoom(document, this.#context, () => {
      if (this.#rooms.get(document) === room) this.#rooms.delete(document)
    })
    this.#rooms.set(document, room)
    return room
  }

  #storageFailed(error: Error): void {
    this.#storage.fail(error)
    // all of them: what the log has after it was opened again may be less than what any of them believes
    for (const room of this.#rooms.values()) room.end('storage_failed')
  }

  #note(document: string, note: Extract<RoomEffect, { type: 'note' }>): void {
    const { counters, logger } = this.#context
    switch (note.event) {
      case 'resync':
        counters.resyncs++
        return logger.debug({ document, session: note.session }, 'an update refers to what the log lacks')
      case 'digest_mismatch':
        counters.digestMismatches++
        return logger.warn({ document, session: note.session }, 'a replica differs from the log: healed by an exchange')
      case 'refused':
        counters.refused++
        return logger.info({ document, session: note.session, code: note.code }, 'a session was refused')
    }
  }
}
