const KiB = 1024
const MiB = 1024 * KiB

/** Every bound that the protocol knows, with its unit in its name. */
export interface Limits {
  /** sections of clients in an open's or exchange's state vector */
  readonly stateVectorClientsMax: number
  /** largest WebSocket message of protocol 1; larger updates travel in parts */
  readonly frameBytesMax: number
  /** largest single update that a session may send, after its parts are joined */
  readonly updateBytesMax: number
  /** largest document, and therefore the largest full exchange */
  readonly documentBytesMax: number
  /** largest document name, in bytes of UTF-8 */
  readonly nameBytesMax: number
  /** a token, in bytes of UTF-8 */
  readonly tokenBytesMax: number
  /** documents open on one connection */
  readonly connectionDocumentsMax: number
  /** clients with awareness that one session may speak for: several tabs share one */
  readonly awarenessClientsMax: number
  /** clients with awareness in one room, of all its sessions */
  readonly roomAwarenessClientsMax: number
  /** JSON of one client's awareness state */
  readonly awarenessStateBytesMax: number
  /** nesting of one client's awareness state */
  readonly awarenessDepthMax: number
  /** JSON of a signal, in bytes of UTF-8 */
  readonly signalBytesMax: number
  /** delete ranges in one update: 200,000 cost half a second */
  readonly updateDeleteRangesMax: number
  /** recent records a room keeps one by one, for resuming clients and slow readers */
  readonly tailRecordsMax: number
  /** bytes of those records */
  readonly tailBytesMax: number
  /** bytes queued on a socket above which its sessions get nothing until it has drained */
  readonly socketBytesHigh: number
  /**
   * bytes that may wait for the disk in all documents together: above it whoever brings an update is not read, until less
   * than half of it is left
   */
  readonly backlogBytesHigh: number
  /** times a session may be told to resync without a success between */
  readonly resyncsMax: number
  /** updates of a session that may be rejected without one that is taken between */
  readonly rejectionsMax: number
  /** how long changes of awareness gather before they are broadcast, where the last broadcast was that recent */
  readonly awarenessGatherMs: number
  /** the same in a room so large that its broadcasts would take more than `fanOutPercent` otherwise */
  readonly awarenessGatherMsMax: number
  /** share of a core for broadcasts: where they would take more than that, updates gather */
  readonly fanOutPercent: number
  /** how long updates gather at most after a broadcast */
  readonly fanOutGatherMsMax: number
}

/** The defaults of {@link Limits}. */
export const defaultLimits: Limits = Object.freeze({
  stateVectorClientsMax: 100_000, // a client id for each tab ever opened, over years
  frameBytesMax: 1 * MiB,
  updateBytesMax: 16 * MiB, // a pasted chapter with images inlined; the dialects cannot split
  documentBytesMax: 64 * MiB,
  nameBytesMax: 512,
  tokenBytesMax: 8 * KiB, // all headers of a request have 16 KiB in Node
  connectionDocumentsMax: 1_000,
  awarenessClientsMax: 64,
  roomAwarenessClientsMax: 5_000, // some 300 bytes each, of which a newcomer is sent all
  awarenessStateBytesMax: 4 * KiB,
  awarenessDepthMax: 32,
  signalBytesMax: 16 * KiB, // what is larger is content, and belongs into the document
  updateDeleteRangesMax: 100_000,
  tailRecordsMax: 1_024, // some 300 bytes of heap each
  tailBytesMax: 1 * MiB,
  socketBytesHigh: 256 * KiB,
  backlogBytesHigh: 64 * MiB, // a second of a slow disk, and of a relay with 256 MiB of memory a quarter
  resyncsMax: 5,
  rejectionsMax: 64, // finding one edit among 30,000 takes 15
  awarenessGatherMs: 20, // below what a person sees of a cursor
  awarenessGatherMsMax: 50, // 500 cursors are a crowd
  fanOutPercent: 8, // one person types fast and 200 read: they see it at once
  fanOutGatherMsMax: 20, // nobody feels that
})
