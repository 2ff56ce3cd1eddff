/** Ranges of clocks: `[start, end, start, end, …]`, each from `start` up to but not with `end`, in any order. */
export type Ranges = readonly number[]

/** Where adding ranges one by one, each of which moves all that is behind, gets dearer than one pass over everything. */
const manyRanges = 16

/** A set of clocks as ranges, in order and with a gap between each two: 8 bytes a range while clocks fit 32 bits. */
export class Intervals {
  #numbers: Uint32Array<ArrayBuffer> | Float64Array<ArrayBuffer> = new Uint32Array(2)
  #length = 0

  /** How many ranges there are. */
  get count(): number {
    return this.#length / 2
  }

  /** The end of the first range; 0 where there is none. */
  get firstEnd(): number {
    return this.#length === 0 ? 0 : this.#numbers[1]!
  }

  add(start: number, end: number): void {
    const from = this.#firstEndingAt(start)
    let to = from
    while (to < this.#length && this.#numbers[to]! <= end) to += 2
    const first = from === to ? start : Math.min(start, this.#numbers[from]!)
    const last = from === to ? end : Math.max(end, this.#numbers[to - 1]!)
    this.#makeRoom(this.#length + 2 - (to - from), end)
    if (to !== from + 2) this.#numbers.copyWithin(from + 2, to, this.#length)
    this.#length += 2 - (to - from)
    this.#numbers[from] = first
    this.#numbers[from + 1] = last
  }

  addAll(ranges: Ranges): void {
    if (ranges.length <= 2 * manyRanges) {
      for (let i = 0; i < ranges.length; i += 2) this.add(ranges[i]!, ranges[i + 1]!)
    } else {
      this.#merge(joinRanges(ranges))
    }
  }

  /** Whether any clock of the range is in the set. */
  overlaps(start: number, end: number): boolean {
    const next = this.#firstEndingAt(start + 1)
    return next < this.#length && this.#numbers[next]! < end
  }

  /** What of the range is not in the set, in order. */
  missing(start: number, end: number): Ranges {
    const missing: number[] = []
    let clock = start
    for (let i = this.#firstEndingAt(start + 1); i < this.#length && this.#numbers[i]! < end; i += 2) {
      if (clock < this.#numbers[i]!) missing.push(clock, this.#numbers[i]!)
      clock = this.#numbers[i + 1]!
    }
    if (clock < end) missing.push(clock, end)
    return missing
  }

  /** One pass over both, from the front. */
  #merge(added: readonly number[]): void {
    const old = this.#numbers.slice(0, this.#length)
    this.#length = 0
    this.#makeRoom(old.length + added.length, added.at(-1)!)
    let i = 0
    for (let j = 0; i < old.length || j < added.length; ) {
      if (j === added.length || (i < old.length && old[i]! <= added[j]!)) {
        this.#append(old[i]!, old[i + 1]!)
        i += 2
      } else {
        this.#append(added[j]!, added[j + 1]!)
        j += 2
      }
    }
  }

  /** Adds a range that starts at or after all that are there; there is room. */
  #append(start: number, end: number): void {
    const last = this.#length - 1
    if (last > 0 && start <= this.#numbers[last]!) {
      this.#numbers[last] = Math.max(end, this.#numbers[last]!)
    } else {
      this.#numbers[this.#length++] = start
      this.#numbers[this.#length++] = end
    }
  }

  /** The index of the first range that ends at or after `clock`; the length where none does. */
  #firstEndingAt(clock: number): number {
    let low = 0
    let high = this.#length / 2
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#numbers[2 * middle + 1]! < clock) low = middle + 1
      else high = middle
    }
    return 2 * low
  }

  #makeRoom(length: number, largest: number): void {
    const old = this.#numbers
    const isWide = old instanceof Float64Array || largest > 0xffff_ffff
    if (length <= old.length && isWide === old instanceof Float64Array) return
    // by an eighth: documents are many, and most stay as they are
    const capacity = Math.max(length + (length >>> 3), old.length)
    this.#numbers = isWide ? new Float64Array(capacity) : new Uint32Array(capacity)
    this.#numbers.set(old.subarray(0, this.#length))
  }
}

/** Puts ranges in order, and joins those that overlap or touch. */
export function joinRanges(ranges: Ranges): number[] {
  const sorted = sort(ranges)
  const joined: number[] = []
  for (let i = 0; i < sorted.length; i += 2) {
    const last = joined.length - 1
    if (last > 0 && sorted[i]! <= joined[last]!) joined[last] = Math.max(sorted[i + 1]!, joined[last]!)
    else joined.push(sorted[i]!, sorted[i + 1]!)
  }
  return joined
}

function sort(ranges: Ranges): Ranges {
  if (isSorted(ranges)) return ranges
  const starts = Array.from({ length: ranges.length / 2 }, (_, i) => 2 * i)
  starts.sort((a, b) => ranges[a]! - ranges[b]!)
  return starts.flatMap((i) => [ranges[i]!, ranges[i + 1]!])
}

function isSorted(ranges: Ranges): boolean {
  for (let i = 2; i < ranges.length; i += 2) {
    if (ranges[i]! < ranges[i - 2]!) return false
  }
  return true
}
