import { guarded } from '../listeners.js'
import type { TabLocks } from './platform.js'

/** What comes of an {@link Election}. */
export interface ElectionEvents {
  elected(): void
  /** another tab has taken the lead; this one stands no more */
  deposed(): void
  /** the browser gives no locks */
  failed(): void
}

/** One wish for the lock: it waits, or has it. */
interface Candidacy {
  leads: boolean
  release: () => void
}

/** Who leads: the tab that holds a lock. Those that stand for it follow each other, unless one takes it away. */
export class Election {
  readonly #locks: TabLocks
  readonly #name: string
  readonly #events: ElectionEvents
  #candidacy: Candidacy | null = null

  constructor(locks: TabLocks, name: string, events: ElectionEvents) {
    this.#locks = locks
    this.#name = name
    this.#events = events
  }

  get leads(): boolean {
    return this.#candidacy?.leads === true
  }

  /** Leads as soon as nobody else does. */
  stand(): void {
    if (this.#candidacy === null) this.#request(false)
  }

  /** Leads now: whoever did is deposed. */
  steal(): void {
    if (this.leads) return
    this.resign()
    this.#request(true)
  }

  /** Stands no more, and leads no more. Nothing is told. */
  resign(): void {
    const candidacy = this.#candidacy
    this.#candidacy = null
    candidacy?.release()
  }

  #request(steal: boolean): void {
    const controller = new AbortController()
    const candidacy: Candidacy = { leads: false, release: () => controller.abort() }
    this.#candidacy = candidacy
    // a request that steals can't be called back
    const options = steal ? { steal } : { signal: controller.signal }
    const held = () =>
      new Promise<void>((resolve) => {
        if (this.#candidacy !== candidacy) return resolve()
        candidacy.leads = true
        candidacy.release = resolve
        guarded(() => this.#events.elected())
      })
    const ended = () => {
      if (this.#candidacy !== candidacy) return
      this.#candidacy = null
      guarded(() => (candidacy.leads ? this.#events.deposed() : this.#events.failed()))
    }
    this.#locks.request(this.#name, options, held).then(ended, ended)
  }
}
