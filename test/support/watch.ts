import { ClientMessageReader, defaultLimits, RelayMessageReader } from '@syncline/protocol'
import type { Page, Response, WebSocket } from 'playwright-core'
import { Canaries } from './canaries.js'
import { joinNative, type NativePerson } from './clients.js'
import type { RelayProcess } from './relay.js'

// a document that no page opens, and in which something happens all the time
const elsewhere = 'text/elsewhere'
const writeMs = 100

/** What all watches of a test file have seen. */
export const watched = { frames: 0, seen: 0 }

/**
 * Looks through all that a relay sends to pages: what a page has not opened must not come to it. Each document that
 * somebody has written to gets a canary, beside what they wrote.
 */
export class Watch {
  readonly canaries = new Canaries()
  readonly #relay: RelayProcess
  readonly #planted = new Set<string>()
  readonly #others: readonly NativePerson[]
  readonly #writing: NodeJS.Timeout

  constructor(relay: RelayProcess) {
    this.#relay = relay
    // two, so that what one of them writes is sent to somebody
    this.#others = [joinNative(relay, elsewhere), joinNative(relay, elsewhere)]
    for (const { synced } of this.#others) synced.catch(() => {}) // the relay may be gone by then
    const map = this.#others[0]!.doc.getMap('canary')
    this.#writing = setInterval(() => map.set('text', this.canaries.of(elsewhere)), writeMs)
  }

  /** From now on what comes to this page is looked through. */
  page(page: Page): void {
    page.on('websocket', (socket) => this.#socket(socket))
    page.on('response', (response) => void this.#response(response))
  }

  async end(): Promise<void> {
    clearInterval(this.#writing)
    await Promise.all(this.#others.map((other) => other.leave()))
    watched.frames += this.canaries.frames
    watched.seen += this.canaries.seen
  }

  #socket(socket: WebSocket): void {
    const open = new Set<string>()
    const channels = new Map<number, string>()
    const sent = new ClientMessageReader(defaultLimits)
    const received = new RelayMessageReader(defaultLimits)
    const path = new URL(socket.url()).pathname
    if (path.startsWith('/y/')) open.add(decodeURIComponent(path.slice('/y/'.length)))
    socket.on('framesent', ({ payload }) => {
      for (const read of path === '/sync' ? sent.read(bytesOf(payload)) : []) {
        if (!read.ok || read.message.type !== 'session' || read.message.message.type !== 'open') continue
        open.add(read.message.message.name)
        channels.set(read.message.channel, read.message.message.name)
      }
    })
    socket.on('framereceived', ({ payload }) => {
      this.canaries.scan(bytesOf(payload), open)
      for (const read of path === '/sync' ? received.read(bytesOf(payload)) : []) {
        if (!read.ok || read.message.type !== 'session' || read.message.message.type !== 'ack') continue
        const name = channels.get(read.message.channel)
        // first content goes into a document only where there is none
        if (name !== undefined) void this.#plant(name)
      }
    })
  }

  async #response(response: Response): Promise<void> {
    if (!['document', 'fetch', 'xhr'].includes(response.request().resourceType())) return
    const name = /\/api\/v1\/documents\/([^/?]+)/.exec(response.url())?.[1]
    const body = await response.body().catch(() => null) // the page has gone on
    if (body) this.canaries.scan(new Uint8Array(body), new Set(name ? [decodeURIComponent(name)] : []))
  }

  async #plant(name: string): Promise<void> {
    if (this.#planted.has(name)) return
    this.#planted.add(name)
    const author = joinNative(this.#relay, name)
    try {
      await author.synced
      author.doc.getMap('canary').set('text', this.canaries.of(name))
      await author.handle.saved()
    } catch {
      this.#planted.delete(name) // the relay is gone: with the next edit
    } finally {
      await author.leave()
    }
  }
}

function bytesOf(payload: string | Buffer): Uint8Array {
  return new Uint8Array(typeof payload === 'string' ? Buffer.from(payload) : payload)
}
