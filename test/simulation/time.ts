interface Scheduled {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

/** Virtual time: a heap of what is to happen, run in order. */
export class Time {
  now = 0
  #order = 0
  readonly #heap: Scheduled[] = []

  /** Runs something `ms` from now; what is due at the same moment runs in the order of these calls. */
  after(ms: number, run: () => void): void {
    const item = { at: this.now + ms, order: this.#order++, run }
    const heap = this.#heap
    let i = heap.push(item) - 1
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (before(heap[parent]!, item)) break
      heap[i] = heap[parent]!
      i = parent
    }
    heap[i] = item
  }

  /** Runs everything that is due until `end`. */
  runUntil(end: number): void {
    while (this.step(end));
  }

  /** Runs the next thing that is due until `end`; false where there is none. */
  step(end: number): boolean {
    if (this.#heap.length === 0 || this.#heap[0]!.at > end) {
      this.now = end
      return false
    }
    const item = this.#pop()
    this.now = item.at
    item.run()
    return true
  }

  #pop(): Scheduled {
    const heap = this.#heap
    const first = heap[0]!
    const item = heap.pop()!
    if (heap.length === 0) return first
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
      if (before(item, heap[child]!)) break
      heap[i] = heap[child]!
      i = child
    }
    heap[i] = item
    return first
  }
}

function before(a: Scheduled, b: Scheduled): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
