/**
 * The Syncline relay: keeps Yjs documents in a log and forwards their updates between WebSocket clients. What it
 * acknowledges or shows to others is on disk.
 *
 * @packageDocumentation
 */

import './errors.js'

export type { Percentiles } from './admin/latencies.js'
export type { OpenDocument, Overview } from './admin/overview.js'
export { adminPage } from './admin/page.js'
export type { ApiOptions } from './api/services.js'
export * from './auth/index.js'
export { type Clock, systemClock } from './clock.js'
export type { Counters, RelayStats } from './counters.js'
export { type DocumentContent, type MergeOptions, ServerDocument } from './documents/serverDocument.js'
export type { DocumentPoint } from './documents/types.js'
export type { Json, JsonObject, Storing } from './documents/values.js'
export type { Condition } from './health.js'
export type * from './import/json/form.js'
export type { TrustProxy } from './limits/address.js'
export { defaultRelayLimits, type RelayLimits } from './limits/limits.js'
export { type LoadUrlOptions, loadByUrl } from './loading/byUrl.js'
export type { LoadedContent } from './loading/content.js'
export type { Load, LoadBounds } from './loading/loader.js'
export * from './log/index.js'
export { createLogger, type LogFields, type Logger, type LogLevel, logLevels } from './logger.js'
export { QuietHours } from './maintenance/quietHours.js'
export type { RetentionRule } from './maintenance/retention.js'
export { Metrics, type MetricsOptions } from './metrics.js'
export { Relay } from './relay.js'
export type { RelayOptions } from './relayOptions.js'
export { type Disk, type DiskSpace, spaceOf } from './rooms/reserve.js'
export type { CommitObserver } from './rooms/storage.js'
export { tracedLog } from './tracing.js'
export type { WebhookAside } from './webhooks/asides.js'
export type * from './webhooks/types.js'
export type { WebhookStatus } from './webhooks/webhooks.js'
