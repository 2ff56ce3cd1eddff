import type { Limits } from '@syncline/protocol'
import type { Gate } from '../auth/gate.js'
import type { Backlog } from '../backlog.js'
import type { Clock } from '../clock.js'
import type { Counters } from '../counters.js'
import type { Logger } from '../logger.js'
import type { Rooms } from '../rooms/rooms.js'

/** What all connections of a relay share. */
export interface RelayContext {
  readonly limits: Limits
  readonly clock: Clock
  readonly logger: Logger
  readonly counters: Counters
  readonly rooms: Rooms
  readonly backlog: Backlog
  readonly gate: Gate
  /** a number for a new session, unique within the relay */
  readonly nextSession: () => number
  /** counts and logs an exception that was caught at the edge of a session */
  readonly exception: (error: unknown) => void
}
