import type { Log } from '@syncline/protocol'
import type { Authorize } from './auth/authorize.js'
import type { RevocationStore } from './auth/revocations.js'
import type { SubdocumentAccess } from './auth/subdocuments.js'
import type { Clock } from './clock.js'
import type { TrustProxy } from './limits/address.js'
import type { RelayLimits } from './limits/limits.js'
import type { Load } from './loading/loader.js'
import type { Logger } from './logger.js'
import type { QuietHours } from './maintenance/quietHours.js'
import type { RetentionRule } from './maintenance/retention.js'
import type { Disk } from './rooms/reserve.js'
import type { CommitObserver } from './rooms/storage.js'
import type { StoreHook, WebhookEndpoint, WebhookRetry } from './webhooks/types.js'

/** Options of a {@link Relay}. */
export interface RelayOptions {
  /** bounds that differ from `defaultRelayLimits` */
  readonly limits?: Partial<RelayLimits>
  /**
   * The proxies in front of the relay, which say in `X-Forwarded-For` or `Forwarded` where a visitor comes from: how many
   * there are one behind the other, or their addresses (`10.0.0.0/8`). Default: none, whoever connects is the visitor
   */
  readonly trustProxy?: TrustProxy
  /** default: warnings and errors as JSON lines on stderr */
  readonly logger?: Logger
  /** default: the platform's time */
  readonly clock?: Clock
  /**
   * decides who may do what: {@link authorizeByJwt}, {@link authorizeByUrl} or a function of yours. Default: everybody may
   * do everything
   */
  readonly authorize?: Authorize
  /**
   * whose grants open a subdocument, `<parent>/<UUID>`: its parent's as well as its own (`parent`, the default), or its own
   * alone (`own`), for applications that name documents like that and mean none
   */
  readonly subdocumentAccess?: SubdocumentAccess
  /** where revocations outlive the process: {@link revocationFile}. Default: nowhere */
  readonly revocations?: RevocationStore
  /** origins whose pages may connect, beside those of the relay's own host; `*` is everyone */
  readonly allowOrigins?: readonly string[]
  /**
   * Opens the log anew after a failed write. Without it the relay takes nothing more after one: what the disk has is
   * in doubt until the log has been read again.
   */
  readonly reopen?: () => Promise<Log>
  /**
   * Documents whose records are moved aside when they are compacted, instead of deleted: patterns of names, in which `*`
   * stands for any characters
   */
  readonly keepHistory?: readonly string[]
  /** Documents that nobody has changed for so long are deleted for good, looked for once an hour. Default: none */
  readonly deleteAfter?: readonly RetentionRule[]
  /** Compaction that can wait is done in these hours. Default: at any time */
  readonly quietHours?: QuietHours | null
  /**
   * The disk of the log: while less than the reserve is free, edits are refused with `disk_full` and documents can be
   * read. LevelDB loses what it calls written when a disk is full.
   */
  readonly disk?: Disk
  /** told how long each commit takes: {@link Metrics} */
  readonly commitObserver?: CommitObserver
  /**
   * Gives what the application has of a document when it is opened for the first time: {@link loadByUrl}, or a function of
   * yours. Default: a document that the log does not have begins empty
   */
  readonly load?: Load
  /** who is told of documents by signed requests, see docs/BACKENDS.md */
  readonly webhooks?: readonly WebhookEndpoint[]
  /**
   * Keeps documents in the application's own database: called after changes, in order of position for each document, at
   * least once also across the end of the process, and a last time after the last edit
   */
  readonly store?: StoreHook
  /** how long webhooks and `store` are tried again */
  readonly webhookRetry?: WebhookRetry
}
