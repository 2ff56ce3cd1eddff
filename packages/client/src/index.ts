/**
 * The Syncline client: Yjs documents in sync with a relay, and a status that is true.
 *
 * @packageDocumentation
 */
export { type Access, type ErrorCode, errorCodes, SynclineError } from '@syncline/protocol'
export { connect } from './connect.js'
export type {
  Clock,
  Connection,
  ConnectionState,
  ConnectOptions,
  DocumentHandle,
  DocumentStatus,
  OpenOptions,
  WebSocketLike,
} from './types.js'
