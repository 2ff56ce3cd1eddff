/** The part of Web Locks that Syncline uses. */
export interface TabLocks {
  /** as `navigator.locks.request`: holds the lock until the result of `held` settles */
  request(name: string, options: TabLockOptions, held: () => Promise<void>): Promise<void>
  query(): Promise<{ readonly held?: readonly { readonly name?: string; readonly clientId?: string }[] }>
}

/** As those of `navigator.locks.request`. */
export interface TabLockOptions {
  readonly mode?: 'exclusive' | 'shared'
  readonly steal?: boolean
  readonly signal?: AbortSignal
}

/** The part of a BroadcastChannel that Syncline uses. */
export interface TabChannel {
  onmessage: ((event: never) => void) | null
  postMessage(message: unknown): void
  close(): void
}

/** What tabs of one origin need to find each other. */
export interface TabsPlatform {
  readonly locks: TabLocks
  /** opens a BroadcastChannel */
  channel(name: string): TabChannel
  /** nobody looks at this tab: it can wait longer */
  hidden(): boolean
}

/** The browser's own; null where one part of it is missing, as on pages that did not come over HTTPS. */
export function browserTabs(): TabsPlatform | null {
  if (typeof BroadcastChannel !== 'function' || typeof navigator === 'undefined' || !navigator.locks) return null
  return {
    locks: navigator.locks as TabLocks,
    channel: (name) => new BroadcastChannel(name),
    hidden: () => typeof document !== 'undefined' && document.visibilityState === 'hidden',
  }
}
