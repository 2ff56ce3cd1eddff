/**
 * The Syncline client: Yjs documents in sync with a relay, and a status that is true.
 *
 * @packageDocumentation
 */
export {
  type Access,
  type CopyRow,
  type CopyWrite,
  type ErrorCode,
  errorCodes,
  type LocalCopy,
  type LogPoint,
  type RefusedRow,
  type RowId,
  SynclineError,
} from '@syncline/protocol'
export { connect } from './connect.js'
export type { DocumentInspection, InspectedMessage, InspectedSecond } from './devtools/types.js'
export type { FirstContent } from './seed.js'
export { memoryStore } from './store/memory.js'
export type { DocumentStore, Store, StoreScope } from './store/types.js'
export type { TabChannel, TabLockOptions, TabLocks, TabsPlatform } from './tabs/platform.js'
export type {
  Clock,
  Connection,
  ConnectionState,
  ConnectOptions,
  DocumentHandle,
  DocumentStatus,
  OpenOptions,
  RefusedEdit,
  Replacement,
  StorageStatus,
  SubdocumentOptions,
  TokenSource,
  TransportKind,
  WebSocketLike,
} from './types.js'
