import { SynclineError } from '@syncline/protocol'

// nobody else is served meanwhile
const msMax = 250
// a document of a megabyte copied four times
const unitsMax = 4 * 1024 * 1024

/**
 * What a patch may make the relay do. Its own size pays for little of that: an operation of forty bytes can copy all that
 * the ones before it have copied, or have Yjs go through a list of a hundred thousand items.
 */
export class Effort {
  readonly #end = performance.now() + msMax
  readonly #cpuBefore = process.cpuUsage()
  #units = 0

  /**
   * Looks at the clock: between what is done at once. Where other processes had the core meanwhile, that is not the
   * patch's fault.
   *
   * @throws SynclineError `patch_failed`
   */
  check(): void {
    if (performance.now() > this.#end && this.#cpuMs > msMax) throw tooMuch(`It takes more than ${msMax} ms`)
  }

  /** what the process has used since the beginning, with all of its threads */
  get #cpuMs(): number {
    const { user, system } = process.cpuUsage(this.#cpuBefore)
    return (user + system) / 1_000
  }

  /**
   * So many items were gone through, or so many characters and values copied.
   *
   * @throws SynclineError `patch_failed`
   */
  take(units: number): void {
    this.#units += units
    if (this.#units > unitsMax) throw tooMuch(`It copies more than ${unitsMax} characters and values`)
  }

  /**
   * A value is copied, with all that is in it.
   *
   * @throws SynclineError `patch_failed`
   */
  copy(value: unknown): void {
    const stack = [value]
    while (stack.length > 0) {
      const next = stack.pop()
      this.take(typeof next === 'string' ? next.length + 1 : 1)
      if (typeof next !== 'object' || next === null) continue
      for (const [key, member] of Object.entries(next)) {
        this.take(Array.isArray(next) ? 0 : key.length)
        stack.push(member)
      }
    }
  }
}

function tooMuch(fact: string): SynclineError {
  return new SynclineError('patch_failed', `${fact}: make several patches of it`)
}
