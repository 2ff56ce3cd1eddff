import { SynclineError } from '@syncline/protocol'
import type { Store, StoreScope } from './store/types.js'
import type { DocumentHandle, DocumentStatus } from './types.js'

/** Documents that are brought up to date at once behind the page. */
const atOnceMax = 4

/** What a connection does with local copies of documents that nobody has open. */
export class Offline {
  readonly #open: (name: string) => DocumentHandle
  readonly #store: Store | null
  readonly #scope: StoreScope
  #sending: Promise<void> | null = null

  /** @param open opens a document without a cursor */
  constructor(open: (name: string) => DocumentHandle, store: Store | null, scope: StoreScope) {
    this.#open = open
    this.#store = store
    this.#scope = scope
  }

  async list(): Promise<string[]> {
    return this.#store?.list(this.#scope) ?? []
  }

  async keep(names: readonly string[], progress: (done: number, of: number) => void): Promise<void> {
    if (!this.#store) throw new SynclineError('store_unavailable', 'There is no local store')
    let done = 0
    const errors: unknown[] = []
    await eachOf(names, async (name) => {
      await this.#briefly(name, async (handle) => {
        await handle.synced
        await handle.keptLocally()
      }).catch((error) => errors.push(error))
      progress(++done, names.length)
    })
    if (errors.length > 0) throw errors[0]
  }

  /** There may be something new that nobody has open: it is sent when `sendPending` is called next. */
  foundMore(): void {
    this.#sending = null
  }

  /** Sends what tabs that are gone have left pending. Done once, until there may be more. */
  sendPending(): void {
    this.#sending ??= this.#sendPending().catch(() => this.foundMore())
  }

  async #sendPending(): Promise<void> {
    const names = (await this.#store?.pending(this.#scope)) ?? []
    let isMarked = true
    await eachOf(names, async (name) => {
      // what the relay refuses stays pending: whoever opens the document is told
      const { storage } = await this.#briefly(name, (handle) => handle.saved().catch(() => undefined))
      isMarked &&= storage === 'ok'
    })
    // where the store could not write that it is saved, it is sent once more
    if (!isMarked) this.foundMore()
  }

  async forget(name: string): Promise<void> {
    await this.#store?.forget(this.#scope, name)
  }

  async erase(): Promise<void> {
    await this.#store?.erase(this.#scope.identity)
  }

  /** The result is what the status was in the end. */
  async #briefly(name: string, use: (handle: DocumentHandle) => Promise<void>): Promise<DocumentStatus> {
    const handle = this.#open(name)
    try {
      await handle.loaded
      await use(handle)
    } finally {
      await handle.close()
    }
    return handle.status
  }
}

/** Works on several at once, on the next one when one is done. */
async function eachOf(names: readonly string[], work: (name: string) => Promise<void>): Promise<void> {
  const left = [...names]
  const worker = async () => {
    for (let name = left.shift(); name !== undefined; name = left.shift()) await work(name)
  }
  await Promise.all(Array.from({ length: atOnceMax }, worker))
}
