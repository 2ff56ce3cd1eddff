import type { CopyRow, CopyWrite, LocalCopy, LogPoint, RefusedRow, RowId } from '@syncline/protocol'
import type { StoreScope } from './types.js'

/** What an adapter keeps beside the rows of a copy. Plain data: it survives structured cloning and JSON. */
export interface CopyState {
  /** another value: another copy */
  readonly id: string
  /** whose marks these are: see {@link scopeKey} */
  readonly scope: string
  readonly epoch: string | null
  readonly resume: LogPoint | null
  /** ids of rows that are saved: from, up to but not with, from, … in order. All other rows are not. */
  readonly saved: readonly number[]
  /** how many changes a row that is not saved stands for, where it is not one */
  readonly changes: Readonly<Record<RowId, number>>
  /** the document was deleted on the relay; absent where it was not */
  readonly deleted?: true
  /** when everything was in sync last, in ms since 1970; absent where that never was */
  readonly syncedAt?: number
}

export function scopeKey({ identity, relay }: StoreScope): string {
  return `${encodeURIComponent(identity)}:${encodeURIComponent(relay)}`
}

/** A copy nobody has written to, or one whose marks are somebody else's. */
export function newState(scope: StoreScope): CopyState {
  const id = Math.random().toString(36).slice(2)
  return { id, scope: scopeKey(scope), epoch: null, resume: null, saved: [], changes: {} }
}

export function copyOf(
  state: CopyState | undefined,
  rows: readonly Pick<CopyRow, 'id' | 'update'>[],
  refused: readonly RefusedRow[],
): LocalCopy {
  const { epoch = null, resume = null, saved = [], changes = {} } = state ?? {}
  return {
    epoch,
    resume,
    rows: rows.map(({ id, update }) => ({ id, update, changes: changes[id] ?? 1, saved: has(saved, id) })),
    refused: [...refused].sort((a, b) => a.time - b.time),
    deleted: state?.deleted === true,
    ...whenSynced(state?.syncedAt),
  }
}

/** True where any of these rows is not saved, and might be. */
export function hasUnsaved(state: CopyState | undefined, rows: readonly RowId[]): boolean {
  return !state?.deleted && rows.some((id) => !has(state?.saved ?? [], id))
}

/**
 * The state after a write.
 *
 * @param ids of the rows that it appended
 * @param oldest id of a row that is still there
 */
export function stateAfter(state: CopyState, write: CopyWrite, ids: readonly RowId[], oldest: RowId): CopyState {
  const { id, scope } = state
  const epoch = write.epoch ?? state.epoch
  const same = epoch === state.epoch ? state : { resume: null, saved: [] }
  const before = write.restart ? { resume: null, saved: same.saved } : same
  const saved = [...write.saved, ...ids.filter((_, index) => write.append[index]!.saved)]
  const changes = { ...state.changes }
  for (const row of [...saved, ...write.remove]) delete changes[row]
  for (const [index, row] of write.append.entries())
    if (!row.saved && row.changes !== 1) changes[ids[index]!] = row.changes
  return {
    id,
    scope,
    epoch,
    resume: later(before.resume, write.resume),
    saved: withoutBelow(saved.reduce(withId, before.saved), oldest),
    changes,
    ...(state.deleted || write.deleted ? { deleted: true } : {}),
    ...whenSynced(write.syncedAt ?? state.syncedAt),
  }
}

function whenSynced(syncedAt: number | undefined): { readonly syncedAt?: number } {
  return syncedAt === undefined ? {} : { syncedAt }
}

/** Another tab may be further on in the same log, and all that it had is here too. */
function later(a: LogPoint | null, b: LogPoint | null): LogPoint | null {
  return a && b && a.epoch === b.epoch && a.position > b.position ? a : (b ?? a)
}

function has(ranges: readonly number[], id: RowId): boolean {
  return indexOf(ranges, id) % 2 === 1
}

/** How many ends of ranges lie at or before an id: odd within one. */
function indexOf(ranges: readonly number[], id: RowId): number {
  let [low, high] = [0, ranges.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (ranges[middle]! <= id) low = middle + 1
    else high = middle
  }
  return low
}

function withId(ranges: readonly number[], id: RowId): number[] {
  const index = indexOf(ranges, id)
  if (index % 2 === 1) return [...ranges]
  const joinsLeft = ranges[index - 1] === id
  const joinsRight = ranges[index] === id + 1
  const from = joinsLeft ? index - 1 : index
  const ends = [...(joinsLeft ? [] : [id]), ...(joinsRight ? [] : [id + 1])]
  const to = joinsRight ? index + 1 : index
  return [...ranges.slice(0, from), ...ends, ...ranges.slice(to)]
}

function withoutBelow(ranges: readonly number[], oldest: RowId): readonly number[] {
  const from = ranges.findIndex((end, index) => index % 2 === 1 && end > oldest)
  return from < 0 ? [] : ranges.slice(from - 1)
}
