import type { LogRecord } from '@syncline/protocol'

const KiB = 1024
const MiB = 1024 * KiB
const dayMs = 24 * 60 * 60 * 1_000

/** What a document weighs in the log. Bytes are those of updates, before anything is packed. */
export interface Weight {
  /** position that the base goes up to; 0 where there is none */
  readonly basePosition: number
  readonly baseBytes: number
  /** the records after the base */
  readonly records: number
  readonly bytes: number
}

interface Weighable {
  readonly base: { readonly length: number } | null
  readonly basePosition: number
  readonly records: readonly LogRecord[]
}

/** When it is asked whether a document is to be compacted: while it is open, or when everybody has left. */
export type Moment = 'open' | 'closed' | 'asked'

interface Threshold {
  readonly bytesMin: number
  /** of the base */
  readonly bytesShare: number
  readonly recordsMin: number
  /** of the base's bytes */
  readonly recordsShare: number
}

// Compaction costs what the document weighs (100 ms and more for each MB), so the records have to weigh a good part of
// that. An open document is at work: half as much again is to be read by whoever opens it next. A closed one may stay as
// it is for ever, and costs nobody's time.
const thresholds: { readonly [moment in Moment]: Threshold } = {
  open: { bytesMin: 256 * KiB, bytesShare: 1 / 2, recordsMin: 4_000, recordsShare: 1 / KiB },
  closed: { bytesMin: 4 * KiB, bytesShare: 1 / 16, recordsMin: 100, recordsShare: 1 / (4 * KiB) },
  asked: { bytesMin: 1, bytesShare: 0, recordsMin: 1, recordsShare: 0 },
}

// Where more was missed than this, a full exchange costs little more than the records. Beyond the room's memory of
// 1,024 records nobody would see them.
const keepRecordsMax = 1_024
const keepBytesMin = 8 * KiB
const keepBytesMax = 1 * MiB
const keepBytesShare = 1 / 32
const keepMs = 7 * dayMs
// what a record is beside its updates, as stored
const recordBytes = 20

/** What a document as it was read weighs, packed or not. */
export function weightOf({ base, basePosition, records }: Weighable): Weight {
  const tail = records.filter(({ position }) => position > basePosition)
  const empty = { basePosition, baseBytes: base?.length ?? 0, records: 0, bytes: 0 }
  return tail.reduce(heavier, empty)
}

/** The weight with one more record. */
export function heavier(weight: Weight, { runs }: LogRecord): Weight {
  const bytes = weight.bytes + updateBytes(runs)
  return { ...weight, records: weight.records + 1, bytes }
}

/** Whether a document of this weight is worth compacting. */
export function isDue({ baseBytes, records, bytes }: Weight, moment: Moment): boolean {
  const { bytesMin, bytesShare, recordsMin, recordsShare } = thresholds[moment]
  return (
    bytes >= Math.max(bytesMin, baseBytes * bytesShare) || records >= Math.max(recordsMin, baseBytes * recordsShare)
  )
}

const urgentFactor = 8

/** Whether a document of this weight cannot wait for a better time: whoever opens it reads many times what it says. */
export function isUrgent(weight: Weight): boolean {
  return isDue({ ...weight, bytes: weight.bytes / urgentFactor, records: weight.records / urgentFactor }, 'open')
}

/**
 * The position after which records stay, though the base has them, so that whoever was away for a while gets what is new
 * and no more. They stay by bytes, number and age.
 *
 * @param records the last ones that the base has, in order
 * @param baseBytes of the new base
 */
export function keepAfter(records: readonly LogRecord[], baseBytes: number, now: number): number {
  const bytesMax = Math.min(Math.max(keepBytesMin, baseBytes * keepBytesShare), keepBytesMax)
  let bytes = 0
  let kept = 0
  for (const { time, runs } of records.toReversed()) {
    bytes += recordBytes + updateBytes(runs)
    if (bytes > bytesMax || kept === keepRecordsMax || time < now - keepMs) break
    kept++
  }
  return (records.at(-1)?.position ?? 0) - kept
}

function updateBytes(runs: LogRecord['runs']): number {
  return runs.reduce((bytes, { update }) => bytes + update.length, 0)
}
