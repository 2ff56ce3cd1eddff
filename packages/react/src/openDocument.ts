import type { DocumentHandle } from '@syncline/client'
import { Users } from './users.js'

/** What a component waits for before it shows a document. */
export type Until =
  /** something to show: the local copy where that has content, else what the relay has */
  | 'content'
  /** the local copy has been read, whatever is in it */
  | 'loaded'
  /** everything that the relay has is here */
  | 'synced'

/** The longest that a suspended component is left alone: one that is gone never asks again. */
const askAgainMs = 30_000

type Waiting = { readonly at: 'waiting'; readonly promise: Promise<void> }
type Progress = Waiting | { readonly at: 'here' } | { readonly at: 'failed'; readonly error: unknown }

/** A handle that components share. It is closed after the last of them has gone, and what it alone holds is elsewhere. */
export class OpenDocument {
  readonly handle: DocumentHandle
  readonly #closed: () => void
  readonly #progress = new Map<Until, Progress>()
  readonly #users = new Users(() => void this.#leave())
  #isQuiet = false

  /** @param closed is called when the handle is being closed */
  constructor(handle: DocumentHandle, closed: () => void) {
    this.handle = handle
    this.#closed = closed
    this.#users.expect()
  }

  /** Needs the document until the result is called. */
  use(): () => void {
    if (this.#isQuiet) this.handle.awareness.setLocalState({})
    this.#isQuiet = false
    return this.#users.add()
  }

  /** Returns when it is there, throws the promise to wait for it, or the reason why it can't come: for Suspense. */
  demand(until: Until): void {
    const progress = this.#progress.get(until) ?? this.#wait(until)
    if (progress.at === 'waiting') throw progress.promise
    if (progress.at === 'failed') throw progress.error
    this.#users.expect()
  }

  #wait(until: Until): Waiting {
    const leave = this.#users.add()
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(resolve, askAgainMs, null)
    })
    const arrival = arrivalOf(this.handle, until).then(
      (): Progress => ({ at: 'here' }),
      (error: unknown): Progress => ({ at: 'failed', error }),
    )
    const settle = (progress: Progress | null) => {
      clearTimeout(timer)
      if (progress === null) this.#progress.delete(until)
      else this.#progress.set(until, progress)
      leave()
      this.#users.expect()
    }
    const waiting: Waiting = { at: 'waiting', promise: Promise.race([arrival, late]).then(settle) }
    this.#progress.set(until, waiting)
    return waiting
  }

  /** The cursor goes at once; the handle stays while edits are in memory alone, and serves whoever needs it meanwhile. */
  async #leave(): Promise<void> {
    const { handle } = this
    while (this.#users.count === 0 && handle.status.unkept > 0 && !hasEnded(handle)) {
      this.#isQuiet = true
      handle.awareness.setLocalState(null)
      // both fail where the relay has refused the document meanwhile
      await Promise.any([handle.saved(), handle.keptLocally()]).catch(() => undefined)
    }
    if (this.#users.count > 0) return
    this.#closed()
    await handle.close()
  }
}

/** Nothing will be saved any more; the status has said so. */
function hasEnded({ status }: DocumentHandle): boolean {
  return status.connection === 'refused' || status.connection === 'closed'
}

async function arrivalOf(handle: DocumentHandle, until: Until): Promise<void> {
  if (until === 'synced') return handle.synced
  await handle.loaded
  if (until === 'loaded' || handle.doc.store.clients.size > 0) return
  return handle.synced
}
