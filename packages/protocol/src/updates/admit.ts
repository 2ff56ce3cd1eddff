import { SynclineError } from '../errors.js'
import type { Limits } from '../limits.js'
import { type Coverage, documentDeleteRangesMax } from './coverage.js'
import { type ClientDeletes, type Run, writeDeletes, writeRuns } from './encode.js'
import { Scan } from './scan.js'
import { type Settlement, settle } from './settle.js'
import { Writer } from './writer.js'

/** What {@link admitUpdate} took of an update. */
export interface Admission {
  /**
   * What is new and lacks nothing: the bytes to log, which the coverage has now. The update itself where nothing had to
   * be cut away; null where nothing is left.
   */
  readonly update: Uint8Array | null
  /** false where something was left out because what it refers to is in neither the log nor the update */
  readonly complete: boolean
}

/** The limits that {@link admitUpdate} watches. A document with more clients than a state vector may name can't be opened. */
export type AdmissionLimits = Pick<Limits, 'updateDeleteRangesMax' | 'stateVectorClientsMax'>

const scan = new Scan()

/**
 * Takes into a log what an update adds to it, so that the log stays causally complete: what the coverage has is cut
 * away, what refers to something missing is left out. A Skip is a gap: what comes before it is taken. The coverage is
 * advanced by what is taken.
 *
 * @throws SynclineError `malformed_update` where Yjs would not have written the update, `update_too_large` where it has
 * more ranges of deletions than the limits allow, `document_too_large` where the document would get too many clients or
 * ranges of deletions; the coverage is then as it was
 */
export function admitUpdate(coverage: Coverage, update: Uint8Array, limits: AdmissionLimits): Admission {
  scan.read(update, coverage, limits.updateDeleteRangesMax)
  assertRoom(coverage, limits.stateVectorClientsMax)
  // from here on nothing throws, so the coverage may change; null stands for everything that was scanned
  const structs = structsFollow(coverage) ? null : settleStructs(coverage)
  addStructs(coverage, structs)
  const deletes = deletesAreNew(coverage) ? null : settleDeletes(coverage)
  addDeletes(coverage, deletes)
  if (structs === null && deletes === null) return { update: scan.isEmpty ? null : update, complete: true }
  return {
    update: encode(update, structs?.runs ?? null, deletes?.clients ?? null),
    complete: structs?.complete !== false && deletes?.complete !== false,
  }
}

/**
 * Whether a log has all that is in an update. Nothing is changed.
 *
 * @throws SynclineError as {@link admitUpdate} does where the update is at fault
 */
export function isCovered(coverage: Coverage, update: Uint8Array, limits: AdmissionLimits): boolean {
  if (hasNewInserts(coverage, update, limits) || scan.hasSkips) return false
  for (let i = 0; i < scan.deleteCount; i++) {
    const rest = coverage.withoutDeletes(scan.deleteClient(i), scan.deleteClock(i), scan.deleteEnd(i))
    if (rest.length > 0) return false
  }
  return true
}

/**
 * Whether an update inserts anything that a log lacks; deletions do not count. Nothing is changed.
 *
 * @throws SynclineError as {@link admitUpdate} does where the update is at fault
 */
export function hasNewInserts(coverage: Coverage, update: Uint8Array, limits: AdmissionLimits): boolean {
  scan.read(update, coverage, limits.updateDeleteRangesMax)
  for (let i = 0; i < scan.runCount; i++) {
    if (scan.runEnd(i) > coverage.clock(scan.runClient(i))) return true
  }
  return false
}

/** A document that comes near the bound on deletions is refused those that it has already, too. */
function assertRoom(coverage: Coverage, clientsMax: number): void {
  const clients = coverage.clients
  if (clients + scan.runCount > clientsMax && clients + newClients(coverage) > clientsMax) {
    throw new SynclineError('document_too_large', `The document would have more than ${clientsMax} clients`)
  }
  if (coverage.deleteRanges + scan.deleteCount > documentDeleteRangesMax) {
    throw new SynclineError(
      'document_too_large',
      `The document would have more than ${documentDeleteRangesMax} ranges of deletions`,
    )
  }
}

function newClients(coverage: Coverage): number {
  let count = 0
  for (let i = 0; i < scan.runCount; i++) {
    const client = scan.runClient(i)
    if (coverage.clock(client) === 0 && (i === 0 || client !== scan.runClient(i - 1))) count += 1
  }
  return count
}

/** Whether each client's structs start where the log ends, and lack nothing: so it is with what is typed. */
function structsFollow(coverage: Coverage): boolean {
  if (scan.hasSkips || scan.hasMissing) return false
  for (let i = 0; i < scan.runCount; i++) {
    if (scan.runClock(i) !== coverage.clock(scan.runClient(i))) return false
  }
  return true
}

function settleStructs(coverage: Coverage): Settlement | null {
  const settlement = settle(coverage, scan.allRuns())
  const isWhole =
    settlement.complete &&
    !scan.hasSkips &&
    settlement.runs.length === scan.runCount &&
    settlement.runs.every((run, i) => run.cut === 0 && run.count === scan.run(i).count)
  return isWhole ? null : settlement
}

function addStructs(coverage: Coverage, settlement: Settlement | null): void {
  if (settlement === null) {
    for (let i = 0; i < scan.runCount; i++) {
      coverage.addInserts(scan.runClient(i), scan.runClock(i), scan.runEnd(i))
    }
  } else {
    for (const run of settlement.runs) coverage.addInserts(run.client, run.clock, run.end)
  }
}

/** Whether the log has all structs that are deleted, and none of the deletions. */
function deletesAreNew(coverage: Coverage): boolean {
  for (let i = 0; i < scan.deleteCount; i++) {
    const client = scan.deleteClient(i)
    if (scan.deleteEnd(i) > coverage.clock(client)) return false
    if (coverage.hasDeletes(client, scan.deleteClock(i), scan.deleteEnd(i))) return false
  }
  return true
}

interface SettledDeletes {
  /** what is new and deletes structs that the log has */
  readonly clients: readonly ClientDeletes[]
  /** false where deletions were left out, since the log does not have the structs */
  readonly complete: boolean
}

function settleDeletes(coverage: Coverage): SettledDeletes {
  const clients: ClientDeletes[] = []
  let complete = true
  scan.eachClientDeletes((client, ranges) => {
    const clock = coverage.clock(client)
    const fresh: number[] = []
    for (let i = 0; i < ranges.length; i += 2) {
      const rest = coverage.withoutDeletes(client, ranges[i]!, ranges[i + 1]!)
      for (let j = 0; j < rest.length; j += 2) {
        if (rest[j]! < clock) fresh.push(rest[j]!, Math.min(rest[j + 1]!, clock))
        if (rest[j + 1]! > clock) complete = false
      }
    }
    if (fresh.length > 0) clients.push({ client, ranges: fresh })
  })
  return { clients, complete }
}

function addDeletes(coverage: Coverage, settled: SettledDeletes | null): void {
  if (settled === null) scan.eachClientDeletes((client, ranges) => coverage.addDeletes(client, ranges))
  else for (const { client, ranges } of settled.clients) coverage.addDeletes(client, ranges)
}

/** The update with these structs and deletions only: null stands for all that it has. */
function encode(
  update: Uint8Array,
  runs: readonly Run[] | null,
  deletes: readonly ClientDeletes[] | null,
): Uint8Array | null {
  const structs = runs?.length ?? scan.runCount
  const deletions = deletes?.length ?? scan.deleteCount
  if (structs === 0 && deletions === 0) return null
  const writer = new Writer(update.length)
  if (runs === null) writer.copy(update, 0, scan.deletesFrom)
  else writeRuns(writer, runs)
  if (deletes === null) writer.copy(update, scan.deletesFrom, update.length)
  else writeDeletes(writer, deletes)
  return writer.finish()
}
