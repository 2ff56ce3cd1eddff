import type * as Y from 'yjs'

// the middle that differs is compared line by line, or word by word, up to this many pieces on each side
const piecesMax = 2_000
// differences beyond which the middle is replaced as a whole
const differencesMax = 400

/**
 * Makes a text say something else, with few and small edits, so that what people type elsewhere in it meanwhile stays.
 * What is formatted keeps its formatting.
 */
export function editText(text: Y.Text, wanted: string): void {
  const changes = differencesOf(text.toString(), wanted)
  // from the end: earlier positions stay as they are
  for (const { at, deleted, inserted } of changes.reverse()) {
    if (deleted > 0) text.delete(at, deleted)
    if (inserted !== '') text.insert(at, inserted)
  }
}

/** At a position of the old text, so many UTF-16 units go and this comes. */
export interface TextChange {
  readonly at: number
  readonly deleted: number
  readonly inserted: string
}

/** What makes the second of two texts of the first one, in order of positions; no surrogate pair is cut. */
export function differencesOf(before: string, after: string): TextChange[] {
  const start = commonStart(before, after)
  const end = commonEnd(before, after, start)
  const [oldMiddle, newMiddle] = [before.slice(start, before.length - end), after.slice(start, after.length - end)]
  if (oldMiddle === '' && newMiddle === '') return []
  if (oldMiddle === '' || newMiddle === '') return [{ at: start, deleted: oldMiddle.length, inserted: newMiddle }]
  const [oldPieces, newPieces] = [piecesOf(oldMiddle), piecesOf(newMiddle)]
  const script = oldPieces && newPieces && shortestScript(oldPieces, newPieces)
  if (!script) return [{ at: start, deleted: oldMiddle.length, inserted: newMiddle }]
  return changesOf(script, oldPieces, newPieces, start).flatMap((change) => tightened(before, change))
}

function commonStart(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  let start = 0
  while (start < length && a.charCodeAt(start) === b.charCodeAt(start)) start++
  return start > 0 && isHigh(a.charCodeAt(start - 1)) ? start - 1 : start
}

function commonEnd(a: string, b: string, start: number): number {
  const length = Math.min(a.length, b.length) - start
  let end = 0
  while (end < length && a.charCodeAt(a.length - 1 - end) === b.charCodeAt(b.length - 1 - end)) end++
  return end > 0 && isLow(a.charCodeAt(a.length - end)) ? end - 1 : end
}

/** A change without what it deletes only to insert it again. */
function tightened(before: string, { at, deleted, inserted }: TextChange): TextChange[] {
  const old = before.slice(at, at + deleted)
  const start = commonStart(old, inserted)
  const end = commonEnd(old, inserted, start)
  const change = {
    at: at + start,
    deleted: deleted - start - end,
    inserted: inserted.slice(start, inserted.length - end),
  }
  return change.deleted === 0 && change.inserted === '' ? [] : [change]
}

/** Words, spaces and other characters; lines where these are too many; null where those are, too. */
function piecesOf(text: string): string[] | null {
  const words = text.match(/[\p{L}\p{N}\p{M}]+|\s+|./gsu) ?? []
  if (words.length <= piecesMax) return words
  const lines = text.match(/[^\n]*\n|[^\n]+/g) ?? []
  return lines.length <= piecesMax ? lines : null
}

/** Which pieces stay: pairs of positions, ascending (Myers, 1986). Null where there are too many differences. */
export function shortestScript(a: readonly string[], b: readonly string[]): [number, number][] | null {
  const max = Math.min(a.length + b.length, differencesMax)
  const reached = new Int32Array(2 * max + 3)
  const offset = max + 1
  const history: Int32Array[] = []
  for (let d = 0; d <= max; d++) {
    history.push(reached.slice())
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && reached[offset + k - 1]! < reached[offset + k + 1]!)
      let x = down ? reached[offset + k + 1]! : reached[offset + k - 1]! + 1
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++
      reached[offset + k] = x
      if (x >= a.length && x - k >= b.length) return kept(history, offset, a.length, b.length)
    }
  }
  return null
}

function kept(history: readonly Int32Array[], offset: number, endA: number, endB: number): [number, number][] {
  const pairs: [number, number][] = []
  let [x, y] = [endA, endB]
  for (let d = history.length - 1; d >= 0; d--) {
    const reached = history[d]!
    const k = x - y
    const down = k === -d || (k !== d && reached[offset + k - 1]! < reached[offset + k + 1]!)
    const previousK = down ? k + 1 : k - 1
    const previousX = d === 0 ? 0 : reached[offset + previousK]!
    const previousY = d === 0 ? 0 : previousX - previousK
    while (x > previousX && y > previousY) pairs.push([--x, --y])
    ;[x, y] = [previousX, previousY]
  }
  return pairs.reverse()
}

function changesOf(
  pairs: readonly [number, number][],
  before: readonly string[],
  after: readonly string[],
  start: number,
): TextChange[] {
  const changes: TextChange[] = []
  let [at, x, y] = [start, 0, 0]
  for (const [keptX, keptY] of [...pairs, [before.length, after.length] as const]) {
    const deleted = before.slice(x, keptX).join('').length
    const inserted = after.slice(y, keptY).join('')
    if (deleted > 0 || inserted !== '') changes.push({ at, deleted, inserted })
    at += deleted + (before[keptX]?.length ?? 0)
    ;[x, y] = [keptX + 1, keptY + 1]
  }
  return changes
}

function isHigh(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff
}

function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff
}
