import { type ErrorCode, SynclineError } from '@syncline/protocol'

/** What went over a connection: the payload of WebSocket messages, both ways. */
export interface Traffic {
  readonly receivedBytes: number
  readonly receivedMessages: number
  readonly sentBytes: number
  readonly sentMessages: number
}

/** What a relay has counted since it began. */
export interface Counters {
  /** updates that sessions sent */
  updates: number
  /** bytes that connections brought: the payload of WebSocket messages */
  receivedBytes: number
  /** these messages */
  receivedMessages: number
  /** bytes that connections were sent */
  sentBytes: number
  sentMessages: number
  /** commits that reached the disk, counted once for each document in them */
  commits: number
  /** updates answered by `resync` */
  resyncs: number
  /** replicas that differed from the log, found by a digest */
  digestMismatches: number
  /** sessions, connections and requests that were refused or ended for what they sent */
  refused: number
  /** the same by code */
  readonly refusedByCode: { [code in ErrorCode]?: number }
  /** of these, for who it was: no token that counts, or not granted */
  authFailures: number
  /** of these, for how much it was: over a rate, or more connections or sessions than there may be */
  rateLimited: number
  /** updates that were rejected, while their sessions went on */
  rejected: number
  /** the same by code */
  readonly rejectedByCode: { [code in ErrorCode]?: number }
  /** awareness messages that sessions sent */
  awareness: number
  /** writes that failed, after which the log was opened anew */
  storageFaults: number
  /** documents that were deleted, since nobody had changed them for so long */
  expired: number
  /** times a connection was not read for a while, since too much waited for the disk */
  holds: number
  /** times a connection was not read for a while, since it sent more than it may in such a time */
  throttles: number
  /** connections closed since they did not take what was sent to them */
  slowReaders: number
  /** exceptions that were caught at the edge of a session: bugs of ours */
  exceptions: number
  /** documents whose records were replaced by a base */
  compactions: number
  /** compactions that would have changed the document, and were not taken: bugs of ours or of Yjs */
  compactionMismatches: number
  /** compactions that came to no end, or whose document could not be read */
  compactionFailures: number
  /** bytes of updates that compaction made superfluous */
  compactionBytesSaved: number
  /** documents that the application was asked for */
  loads: number
  /** of these, those that it did not give, or that could not be taken */
  loadFailures: number
  /** events that webhooks took */
  webhooksDelivered: number
  /** attempts that failed; each comes again, or is given up */
  webhooksFailed: number
  /** events that were given up after all attempts */
  webhooksSetAside: number
}

/** What a relay is doing, and what it has counted since it began. */
export interface RelayStats extends Readonly<Counters> {
  readonly connections: number
  readonly sessions: number
  readonly rooms: number
  /** ms that updates gather after a broadcast, in the room where that is longest; 0 where nobody waits */
  readonly gatherMs: number
  /** what the documents in memory have beside their bases: what the next compaction takes in */
  readonly tailBytes: number
  /** what waits for the disk: about what that takes of memory */
  readonly backlogBytes: number
  /** documents of which a webhook or `store` is still to be told */
  readonly webhooksPending: number
}

/** Counters at zero. */
export function newCounters(): Counters {
  return {
    updates: 0,
    receivedBytes: 0,
    receivedMessages: 0,
    sentBytes: 0,
    sentMessages: 0,
    commits: 0,
    resyncs: 0,
    digestMismatches: 0,
    refused: 0,
    rejected: 0,
    rejectedByCode: {},
    awareness: 0,
    storageFaults: 0,
    expired: 0,
    refusedByCode: {},
    authFailures: 0,
    rateLimited: 0,
    holds: 0,
    throttles: 0,
    slowReaders: 0,
    exceptions: 0,
    compactions: 0,
    compactionMismatches: 0,
    compactionFailures: 0,
    compactionBytesSaved: 0,
    loads: 0,
    loadFailures: 0,
    webhooksDelivered: 0,
    webhooksFailed: 0,
    webhooksSetAside: 0,
  }
}

const ofAccess: ReadonlySet<ErrorCode> = new Set(['unauthorized', 'token_expired', 'forbidden', 'revoked'])
const ofAmount: ReadonlySet<ErrorCode> = new Set(['rate_limited', 'too_many_connections', 'too_many_sessions'])

/** The traffic of connections beside what was counted of those that have ended. */
export function addTraffic(sum: Counters, { receivedBytes, receivedMessages, sentBytes, sentMessages }: Traffic): void {
  sum.receivedBytes += receivedBytes
  sum.receivedMessages += receivedMessages
  sum.sentBytes += sentBytes
  sum.sentMessages += sentMessages
}

/** Counts what was refused or ended for what it sent. */
export function countRefusal(counters: Counters, refused: ErrorCode | SynclineError): void {
  const code = refused instanceof SynclineError ? refused.code : refused
  counters.refused++
  counters.refusedByCode[code] = (counters.refusedByCode[code] ?? 0) + 1
  if (ofAccess.has(code)) counters.authFailures++
  if (ofAmount.has(code)) counters.rateLimited++
}

/** Counts an update that was rejected while its session goes on. */
export function countRejection(counters: Counters, code: ErrorCode): void {
  counters.rejected++
  counters.rejectedByCode[code] = (counters.rejectedByCode[code] ?? 0) + 1
}
