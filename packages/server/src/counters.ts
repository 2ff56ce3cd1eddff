/** What a relay has counted since it began. */
export interface Counters {
  /** updates that sessions sent */
  updates: number
  /** commits that reached the disk, counted once for each document in them */
  commits: number
  /** updates answered by `resync` */
  resyncs: number
  /** replicas that differed from the log, found by a digest */
  digestMismatches: number
  /** sessions, connections and requests that were refused or ended for what they sent */
  refused: number
  /** updates that were rejected, while their sessions went on */
  rejected: number
  /** times a connection was not read for a while, since too much waited for the disk */
  holds: number
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
}

/** Counters at zero. */
export function newCounters(): Counters {
  return {
    updates: 0,
    commits: 0,
    resyncs: 0,
    digestMismatches: 0,
    refused: 0,
    rejected: 0,
    holds: 0,
    slowReaders: 0,
    exceptions: 0,
    compactions: 0,
    compactionMismatches: 0,
    compactionFailures: 0,
    compactionBytesSaved: 0,
  }
}
