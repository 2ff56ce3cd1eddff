import { seededRandom } from '../support/random.js'

/** Seeded randomness: the same seed gives the same world. */
export class Random {
  /** a number in [0, 1) */
  readonly next: () => number

  constructor(seed: number) {
    this.next = seededRandom(seed)
  }

  /** an integer in [0, below) */
  int(below: number): number {
    return Math.floor(this.next() * below)
  }

  between(from: number, to: number): number {
    return from + this.next() * (to - from)
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  pick<T>(items: readonly T[]): T {
    return items[this.int(items.length)] as T
  }
}
