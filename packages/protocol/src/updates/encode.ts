import type { Ranges } from './intervals.js'
import { hasOrigin, kinds, StructCursor } from './struct.js'
import { skipAny, skipJsonElement } from './values.js'
import type { Writer } from './writer.js'

/** Structs of one client that follow each other without a hole, where they stand in an update. */
export interface Run {
  readonly bytes: Uint8Array
  readonly client: number
  /** the clocks, from `clock` up to but not with `end` */
  readonly clock: number
  readonly end: number
  /** the bytes, from `from` up to but not with `to` */
  readonly from: number
  readonly to: number
  /** how many structs */
  readonly count: number
  /** how many clocks of the first struct come before `clock`, and are not part of the run */
  readonly cut: number
  /** where the last struct begins, and its clock, where it goes on past `end`: what comes there is not part of the run */
  readonly last?: { readonly at: number; readonly clock: number } | undefined
}

/** Deletions of the structs of one client. */
export interface ClientDeletes {
  readonly client: number
  readonly ranges: Ranges
}

const cursor = new StructCursor('malformed_update')

/** What of a run lies at or after `clock`, which is within it. */
export function runFrom(run: Run, clock: number): Run {
  if (clock <= run.clock) return run
  cursor.open(run.bytes, run.from)
  let start = run.clock
  for (let passed = 0; ; passed++) {
    const from = cursor.at
    const end = start + cursor.struct(run.client, start)
    if (end > clock) return { ...run, clock, from, count: run.count - passed, cut: clock - start }
    start = end
  }
}

/**
 * Writes the sections of an update. The runs are in the order in which they shall stand: higher clients first, the
 * runs of a client by clock, without an overlap. A hole between two of a client becomes a Skip.
 */
export function writeRuns(writer: Writer, runs: readonly Run[]): void {
  const sections: Run[][] = []
  for (const run of runs) {
    const last = sections.at(-1)
    if (last !== undefined && last[0]!.client === run.client) last.push(run)
    else sections.push([run])
  }
  writer.uint(sections.length)
  for (const section of sections) writeSection(writer, section)
}

function writeSection(writer: Writer, runs: readonly Run[]): void {
  const first = runs[0]!
  writer.uint(countStructs(runs))
  writer.uint(first.client)
  writer.uint(first.clock)
  let clock = first.clock
  for (const run of runs) {
    if (run.clock > clock) {
      writer.byte(kinds.skip)
      writer.uint(run.clock - clock)
    }
    const from = run.cut > 0 ? writeCutStruct(writer, run) : run.from
    writer.copy(run.bytes, from, run.last?.at ?? run.to)
    if (run.last) writeHead(writer, run, run.last)
    clock = run.end
  }
}

function countStructs(runs: readonly Run[]): number {
  let count = 0
  let clock = runs[0]!.clock
  for (const run of runs) {
    count += run.count + (run.clock > clock ? 1 : 0)
    clock = run.end
  }
  return count
}

/**
 * Writes what is left of a run's first struct, as Yjs does: its origin is now the struct cut off, its parent is that
 * of its origin. Returns the byte at which the next struct starts.
 */
function writeCutStruct(writer: Writer, run: Run): number {
  cursor.open(run.bytes, run.from)
  const length = cursor.struct(run.client, run.clock - run.cut)
  const to = cursor.at
  if (cursor.kind === kinds.gc) {
    writer.byte(kinds.gc)
    writer.uint(length - run.cut)
    return to
  }
  writer.byte(cursor.info | hasOrigin)
  writer.uint(run.client)
  writer.uint(run.clock - 1)
  if (cursor.rightClient >= 0) {
    writer.uint(cursor.rightClient)
    writer.uint(cursor.rightClock)
  }
  cursor.at = cursor.contentAt
  writeCutContent(writer, run, length, to)
  return to
}

function writeCutContent(writer: Writer, run: Run, length: number, to: number): void {
  const kind = cursor.kind
  if (kind === kinds.string) {
    cursor.uint()
    writeCutString(writer, run.bytes, cursor.at, to, run.cut)
    return
  }
  cursor.uint()
  writer.uint(length - run.cut)
  if (kind === kinds.deleted) return
  skipElements(kind, run.cut)
  writer.copy(run.bytes, cursor.at, to)
}

/** A surrogate pair that is cut in two leaves U+FFFD, as in Yjs: half of one can't be encoded. */
function writeCutString(writer: Writer, bytes: Uint8Array, start: number, to: number, cut: number): void {
  const { at, left } = afterUnits(bytes, start, cut)
  if (left === 0) {
    writer.uint(to - at)
  } else {
    writer.uint(to - at + 3)
    for (const byte of [0xef, 0xbf, 0xbd]) writer.byte(byte)
  }
  writer.copy(bytes, at, to)
}

/** Where so many UTF-16 units of a string end; where that is within a pair, after it, and `left` is -1. */
function afterUnits(bytes: Uint8Array, start: number, units: number): { at: number; left: number } {
  let at = start
  let left = units
  while (left > 0) {
    const lead = bytes[at]!
    at += lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
    left -= lead < 0xf0 ? 1 : 2
  }
  return { at, left }
}

/** Writes what of a run's last struct comes before the end of the run, and all of a surrogate pair that ends after it. */
function writeHead(writer: Writer, { bytes, client, end }: Run, { at, clock }: NonNullable<Run['last']>): void {
  cursor.open(bytes, at)
  cursor.struct(client, clock)
  const { kind } = cursor
  const left = end - clock
  cursor.at = kind === kinds.gc ? at + 1 : cursor.contentAt
  writer.copy(bytes, at, cursor.at)
  cursor.uint()
  const from = cursor.at
  if (kind === kinds.string) {
    cursor.at = afterUnits(bytes, from, left).at
    writer.uint(cursor.at - from)
  } else {
    writer.uint(left)
    if (kind !== kinds.gc && kind !== kinds.deleted) skipElements(kind, left)
  }
  writer.copy(bytes, from, cursor.at)
}

function skipElements(kind: number, count: number): void {
  for (let left = count; left > 0; left--) {
    if (kind === kinds.json) skipJsonElement(cursor)
    else skipAny(cursor)
  }
}

/** Writes a delete set. */
export function writeDeletes(writer: Writer, deletes: readonly ClientDeletes[]): void {
  writer.uint(deletes.length)
  for (const { client, ranges } of deletes) {
    writer.uint(client)
    writer.uint(ranges.length / 2)
    for (let i = 0; i < ranges.length; i += 2) {
      writer.uint(ranges[i]!)
      writer.uint(ranges[i + 1]! - ranges[i]!)
    }
  }
}
