import type { Edit } from './outbox.js'

/** An update that becomes a row of the local copy. */
export interface Item {
  readonly update: Uint8Array
  /** the local edits in it; none where it came from the relay */
  edits: readonly Edit[]
  /** without edits: the relay has it on disk */
  saved: boolean
  /** it has once all edits are saved that were not when the row was made: see `changes` of a row */
  readonly provisional?: boolean
}

export function isSaved({ edits, saved, provisional }: Item): boolean {
  return edits.length === 0 ? saved && !provisional : edits.every((edit) => edit.saved)
}

/** How many local changes are in it that are not saved: one at least, but for what is no change at all. */
export function changesOf({ edits, provisional }: Item): number {
  return provisional ? 0 : edits.reduce((sum, edit) => sum + (edit.saved ? 0 : edit.changes), 0) || 1
}
