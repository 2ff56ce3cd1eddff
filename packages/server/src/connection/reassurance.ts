import type { Clock } from '../clock.js'

// A client asks after 10 s of silence and waits 5 s for the answer; one that fears for its network asks at once.
const reassureMs = 2_000

/** Somebody who is not heard, and may ask itself whether anybody is here. */
export interface Unheard {
  reassure(): void
}

/** Tells everybody who is not heard that somebody is here, now and then: one timer for all. */
export class Reassurance {
  readonly #clock: Clock
  readonly #unheard = new Set<Unheard>()
  #cancel: (() => void) | null = null

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(unheard: Unheard): void {
    this.#unheard.add(unheard)
    this.#cancel ??= this.#later()
  }

  remove(unheard: Unheard): void {
    this.#unheard.delete(unheard)
    if (this.#unheard.size > 0) return
    this.#cancel?.()
    this.#cancel = null
  }

  #later(): () => void {
    return this.#clock.after(reassureMs, () => {
      this.#cancel = this.#later()
      for (const unheard of this.#unheard) unheard.reassure()
    })
  }
}
