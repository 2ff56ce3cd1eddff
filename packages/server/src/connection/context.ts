import type { Gate } from '../auth/gate.js'
import type { Backlog } from '../backlog.js'
import type { Clock } from '../clock.js'
import type { Counters } from '../counters.js'
import type { ProxyTrust } from '../limits/address.js'
import type { Limiter } from '../limits/limiter.js'
import type { RelayLimits } from '../limits/limits.js'
import type { Logger } from '../logger.js'
import type { Rooms } from '../rooms/rooms.js'
import type { Reassurance } from './reassurance.js'
import type { Slices } from './slices.js'

/** What all connections of a relay share. */
export interface RelayContext {
  readonly limits: RelayLimits
  readonly clock: Clock
  readonly logger: Logger
  readonly counters: Counters
  readonly rooms: Rooms
  readonly backlog: Backlog
  readonly limiter: Limiter
  readonly proxies: ProxyTrust
  readonly reassurance: Reassurance
  readonly slices: Slices
  readonly gate: Gate
  /** a number for a new session, unique within the relay */
  readonly nextSession: () => number
  /** counts and logs an exception that was caught at the edge of a session */
  readonly exception: (error: unknown) => void
}
