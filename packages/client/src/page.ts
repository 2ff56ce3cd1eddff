/** What a browser tells of the page and its network; in Node nothing ever happens. */
export interface PageEvents {
  /** the network is back, or a person looks at the page again */
  woken(): void
  /** the page is left; it may come back from the browser's cache */
  left(): void
}

/** Starts listening; the result stops it. */
export function watchPage(events: PageEvents): () => void {
  // a worker has a network and no page, Node has neither
  if (typeof addEventListener !== 'function') return () => undefined
  const page = typeof document === 'undefined' ? null : document
  const woken = () => events.woken()
  const shown = (event: PageTransitionEvent) => {
    if (event.persisted) events.woken()
  }
  const left = () => events.left()
  const seen = () => {
    if (page?.visibilityState === 'visible') events.woken()
  }
  addEventListener('online', woken)
  addEventListener('pageshow', shown)
  addEventListener('pagehide', left)
  page?.addEventListener('visibilitychange', seen)
  return () => {
    removeEventListener('online', woken)
    removeEventListener('pageshow', shown)
    removeEventListener('pagehide', left)
    page?.removeEventListener('visibilitychange', seen)
  }
}
