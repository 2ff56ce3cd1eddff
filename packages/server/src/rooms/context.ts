import type { Log, RoomEffect } from '@syncline/protocol'
import type { Backlog } from '../backlog.js'
import type { Clock } from '../clock.js'
import type { Compactor } from '../compaction/compactor.js'
import type { Counters } from '../counters.js'
import type { RelayLimits } from '../limits/limits.js'
import type { Loader } from '../loading/loader.js'
import type { Logger } from '../logger.js'
import type { QuietHours } from '../maintenance/quietHours.js'
import type { FanOut } from './fanOut.js'
import type { CommitObserver, Storage } from './storage.js'

/** What the rooms of a relay work with. */
export interface RoomsOptions {
  readonly limits: RelayLimits
  readonly clock: Clock
  readonly logger: Logger
  readonly counters: Counters
  readonly backlog: Backlog
  /** see `StorageOptions` */
  readonly reopen: (() => Promise<Log>) | null
  /** see `StorageOptions` */
  readonly commitObserver: CommitObserver | null
  /** what asks the application for documents that the log does not have; null: they begin empty */
  readonly loader: Loader | null
  /** told when the first client has opened a document, and when the last one has left */
  readonly presence: (document: string, isOpen: boolean) => void
  /** counts and logs an exception that was caught at the edge of a room */
  readonly exception: (error: unknown) => void
  /** how long a room stays when its last session has left: a page that is reloaded comes back to it */
  readonly unloadMs: number
  /** the epoch of a document that is new: 16 random hex digits */
  readonly newEpoch: () => string
  /** when compaction that can wait is done; null: at any time */
  readonly quietHours?: QuietHours | null
  /** whether compaction moves records of a document aside instead of deleting them */
  readonly keepsHistory: (document: string) => boolean
}

/** What one room needs of its owner. */
export interface RoomsContext extends Omit<RoomsOptions, 'reopen' | 'keepsHistory'> {
  readonly storage: Storage
  readonly compactor: Pick<Compactor, 'request'>
  readonly fanOut: FanOut
  /** whether there is no room for edits */
  isReadOnly(): boolean
  storageFailed(error: Error): void
  note(document: string, note: Extract<RoomEffect, { type: 'note' }>): void
}
