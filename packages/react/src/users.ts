/** How long something that a render asked for waits for that render to be committed. */
const commitMsMax = 5_000

/**
 * Who needs something, and when it can be let go: not in the moment that the last user leaves, as strict mode unmounts
 * and mounts again, and a page that follows another may need the same.
 */
export class Users {
  readonly #letGo: () => void
  #count = 0
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(letGo: () => void) {
    this.#letGo = letGo
  }

  get count(): number {
    return this.#count
  }

  /** The result takes the user away; calling it again does nothing. */
  add(): () => void {
    this.#count++
    clearTimeout(this.#timer)
    let isUser = true
    return () => {
      if (!isUser) return
      isUser = false
      this.#count--
      if (this.#count === 0) this.#letGoAfter(0)
    }
  }

  /** A render needs it, and may never be committed: it waits a while for its user. */
  expect(): void {
    if (this.#count === 0) this.#letGoAfter(commitMsMax)
  }

  #letGoAfter(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(this.#letGo, ms)
  }
}
