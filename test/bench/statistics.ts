/** The least, the middle and the most of several rounds. */
export interface Spread {
  readonly min: number
  readonly median: number
  readonly max: number
}

/** The spread of some values; null for none. */
export function spreadOf(values: readonly number[]): Spread | null {
  const sorted = [...values].sort((a, b) => a - b)
  if (sorted.length === 0) return null
  return { min: sorted[0]!, median: quantile(sorted, 0.5), max: sorted.at(-1)! }
}

/** Times of many events, in milliseconds. */
export class Latencies {
  readonly #values: number[] = []
  #isSorted = true

  add(ms: number): void {
    this.#values.push(ms)
    this.#isSorted = false
  }

  /** @param share 0.99 for the time that one of a hundred exceeds; NaN where there was no event */
  quantile(share: number): number {
    if (!this.#isSorted) this.#values.sort((a, b) => a - b)
    this.#isSorted = true
    return quantile(this.#values, share)
  }
}

function quantile(sorted: readonly number[], share: number): number {
  if (sorted.length === 0) return Number.NaN
  const at = (sorted.length - 1) * share
  const [low, high] = [sorted[Math.floor(at)]!, sorted[Math.ceil(at)]!]
  return low + (high - low) * (at - Math.floor(at))
}
