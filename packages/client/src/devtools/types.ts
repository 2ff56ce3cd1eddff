import type { ConnectionState, DocumentStatus, TransportKind } from '../states.js'

/** A message between this client and the relay, as far as it is about one document. */
export interface InspectedMessage {
  /** ms since 1970 */
  readonly time: number
  readonly direction: 'sent' | 'received'
  /** as PROTOCOL.md calls it: `update`, `ack`, … */
  readonly type: string
  /** of what it carries: an update, a state vector */
  readonly bytes: number
  /** its other fields, in words */
  readonly text: string
}

/** The updates of one second. */
export interface InspectedSecond {
  /** when it began, in ms since 1970 */
  readonly time: number
  /** updates, which may each hold many edits */
  readonly sent: number
  readonly received: number
  readonly sentBytes: number
  readonly receivedBytes: number
}

/** What {@link DocumentHandle.inspect} tells: a snapshot. */
export interface DocumentInspection {
  readonly name: string
  readonly document: {
    /** of the whole document as one update */
    readonly bytes: number
    /** client ids under which it was written */
    readonly clients: number
    /** what Yjs keeps in memory: runs of characters, values, remains of what was deleted */
    readonly structs: number
    /** of those, the deleted ones */
    readonly deleted: number
    readonly subdocuments: number
  }
  /** clients with awareness, this one included */
  readonly people: number
  readonly status: DocumentStatus
  readonly connection: {
    readonly url: string
    readonly state: ConnectionState
    /** how messages travel; null while they don't */
    readonly transport: TransportKind | null
    /** another tab has the socket, for this one too */
    readonly isElsewhere: boolean
    /**
     * ms until the relay has answered, when that was measured last: an update, whose answer waits for the disk, or where
     * nothing is written a comparison, every 5 s at most. Null before the first.
     */
    readonly roundTripMs: number | null
  }
  /** of the last 60 s, without the seconds in which there was nothing, since the first call */
  readonly updates: readonly InspectedSecond[]
  /** the last 50 since the first call, the oldest first */
  readonly messages: readonly InspectedMessage[]
}
