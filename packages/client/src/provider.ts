import type { Awareness } from 'y-protocols/awareness'
import type { DocumentHandle } from './types.js'

type Listener = (...args: never[]) => void

/** The part of a y-websocket provider that editors ask for. */
export interface ProviderLike {
  readonly awareness: Awareness
  connect(): void
  disconnect(): void
  on(event: string, listener: Listener): void
  off(event: string, listener: Listener): void
}

/**
 * A document as a provider, for bindings that want one, such as Lexical's: it has `awareness`, and the events `sync` (true
 * or false) and `status` (`{ status: 'connected' | 'connecting' | 'disconnected' }`), each told once to whoever begins to
 * listen. Others are never told. Where the document is `replaced`, make another one.
 */
export function providerOf(handle: DocumentHandle): ProviderLike {
  const stops = new Map<Listener, () => void>()
  return {
    awareness: handle.awareness,
    // the connection belongs to all documents: it comes and goes by itself
    connect: () => undefined,
    disconnect: () => undefined,
    on(event, listener) {
      if (event !== 'sync' && event !== 'status') return
      const tell = listener as (told: unknown) => void
      const look = () => {
        const { synced, connection } = handle.status
        const status =
          connection === 'online' ? 'connected' : connection === 'connecting' ? 'connecting' : 'disconnected'
        return event === 'sync' ? synced : status
      }
      let told: unknown = event === 'sync' ? false : null
      const compare = () => {
        const now = look()
        if (now === told) return
        told = now
        tell(event === 'sync' ? now : { status: now })
      }
      stops.set(listener, handle.on('status', compare))
      queueMicrotask(compare)
    },
    off(_event, listener) {
      stops.get(listener)?.()
      stops.delete(listener)
    },
  }
}
