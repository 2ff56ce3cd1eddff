/** Promises about what will be so, later or never. */
export class Waits {
  /** each is called whenever something changed, until it returns true */
  readonly #waits = new Set<() => boolean>()

  /**
   * Resolves as soon as the condition is met.
   *
   * @param hopeless tells why it never will be, and then it rejects
   */
  until(met: () => boolean, hopeless: () => Error | null = () => null): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = () => {
        const error = hopeless()
        if (met()) resolve()
        else if (error) reject(error)
        else return false
        return true
      }
      if (!settle()) this.#waits.add(settle)
    })
  }

  /** Something changed. */
  look(): void {
    for (const settle of this.#waits) if (settle()) this.#waits.delete(settle)
  }
}
