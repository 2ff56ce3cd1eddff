import { setTimeout } from 'node:timers/promises'

const [open, held, shut] = [0, 1, 2]
const lookMs = 1

/**
 * Between a thread and whoever ends it: what the thread does while it holds the gate is not cut off. Node 20 ends the
 * whole process where a thread is terminated while it makes a stream of zlib (“close before init”).
 */
export class Gate {
  /** what the other side makes its gate of */
  readonly memory: SharedArrayBuffer
  readonly #state: Int32Array

  constructor(memory = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)) {
    this.memory = memory
    this.#state = new Int32Array(memory)
  }

  /** On the thread: does something as a whole. Does not return where the thread is about to be terminated. */
  hold<T>(act: () => T): T {
    if (Atomics.compareExchange(this.#state, 0, open, held) === shut) Atomics.wait(this.#state, 0, shut)
    try {
      return act()
    } finally {
      Atomics.store(this.#state, 0, open)
    }
  }

  /**
   * Elsewhere: waits for what the thread does as a whole. It begins nothing more of that kind, and may be terminated.
   *
   * @param isGone whether the thread has ended by itself: it may have held the gate
   */
  async shut(isGone: () => boolean): Promise<void> {
    while (!isGone() && Atomics.compareExchange(this.#state, 0, open, shut) === held) await setTimeout(lookMs)
  }
}
