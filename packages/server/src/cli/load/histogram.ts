const growth = 1.02
const msMin = 0.01

/** What of some times is told, in ms. */
export interface Spread {
  readonly count: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly max: number
}

/** Times in ms, to 2 %, in bounded memory however many there are. */
export class Histogram {
  readonly #buckets: number[] = []
  #count = 0
  #max = 0

  add(ms: number): void {
    const bucket = Math.ceil(Math.log(Math.max(ms, msMin) / msMin) / Math.log(growth))
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1
    this.#count++
    this.#max = Math.max(this.#max, ms)
  }

  get spread(): Spread {
    return { count: this.#count, p50: this.#at(0.5), p90: this.#at(0.9), p99: this.#at(0.99), max: this.#max }
  }

  #at(share: number): number {
    let left = share * this.#count
    for (let bucket = 0; bucket < this.#buckets.length; bucket++) {
      left -= this.#buckets[bucket] ?? 0
      if (left <= 0) return Math.min(this.#max, msMin * growth ** bucket)
    }
    return this.#max
  }
}
