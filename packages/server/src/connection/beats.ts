import type { Clock } from '../clock.js'
import { nothing } from '../clock.js'

/** All links beat once in so many ms. */
export const beatMs = 5_000

// a beat may cost a ping to everyone: what is typed meanwhile would wait for thousands of them
const stepMs = 50
const perStepMin = 32
// a beat is over when the next one begins
const stepsMax = beatMs / stepMs / 2

/** Something that beats. */
export interface Beating {
  beat(): void
}

/** The sense of time of all links of a relay: one timer for all. Many do not beat in the same moment, but one after the other. */
export class Beats {
  readonly #clock: Clock
  readonly #all: ReadonlySet<Beating>
  #cancelBeat = nothing
  #cancelStep = nothing

  /** @param all who beats from the next beat on; what leaves it meanwhile may beat once more */
  constructor(clock: Clock, all: ReadonlySet<Beating>) {
    this.#clock = clock
    this.#all = all
    this.#later()
  }

  stop(): void {
    this.#cancelBeat()
    this.#cancelStep()
  }

  #later(): void {
    this.#cancelBeat = this.#clock.after(beatMs, () => {
      this.#later()
      const perStep = Math.max(perStepMin, Math.ceil(this.#all.size / stepsMax))
      this.#step([...this.#all], perStep, 0)
    })
  }

  #step(beating: readonly Beating[], perStep: number, from: number): void {
    const to = from + perStep
    for (let i = from; i < Math.min(to, beating.length); i++) beating[i]!.beat()
    this.#cancelStep = nothing // a timer that has fired keeps what it was for
    if (to >= beating.length) return
    this.#cancelStep = this.#clock.after(stepMs, () => this.#step(beating, perStep, to))
  }
}
