import { guarded } from '../listeners.js'
import type { TabLocks } from './platform.js'

/** A tab lives as long as it holds the lock of its name: the browser takes that away when the tab is gone. */
export class Lives {
  readonly #locks: TabLocks
  readonly #prefix: string
  /** what tells each wish for a lock that it is over */
  readonly #ends = new Map<string, () => void>()
  /** whoever got a lock after it was over gives it back */
  #ended = 0

  constructor(locks: TabLocks, prefix: string) {
    this.#locks = locks
    this.#prefix = prefix
  }

  lockOf(tab: string): string {
    return `${this.#prefix}:${tab}`
  }

  /** Lives as `tab` from the time at which this resolves; rejects where the browser gives no locks. */
  begin(tab: string): Promise<void> {
    const ended = this.#ended
    return new Promise((resolve, reject) => {
      const held = () =>
        new Promise<void>((release) => {
          if (this.#ended !== ended) return release()
          this.#ends.set(tab, release)
          resolve()
        })
      this.#locks.request(this.lockOf(tab), { mode: 'exclusive' }, held).catch(reject)
    })
  }

  /** True the first time that a tab is asked for. Calls back once it is gone. */
  watch(tab: string, gone: () => void): boolean {
    if (this.#ends.has(tab)) return false
    const controller = new AbortController()
    this.#ends.set(tab, () => controller.abort())
    const held = async () => {
      if (this.#ends.delete(tab)) guarded(gone)
    }
    // it is shared by all that watch, and nobody lives under this name again
    this.#locks.request(this.lockOf(tab), { mode: 'shared', signal: controller.signal }, held).catch(() => undefined)
    return true
  }

  /** Lives no more, and watches nobody. */
  end(): void {
    this.#ended++
    const ends = [...this.#ends.values()]
    this.#ends.clear()
    for (const end of ends) end()
  }
}
