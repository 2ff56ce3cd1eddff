import type { DocumentHandle, OpenOptions } from '@syncline/client'
import { useCallback, useEffect, useRef, useSyncExternalStore } from 'react'
import type { Until } from './openDocument.js'
import { useSource } from './provider.js'
import { useDoc } from './useDoc.js'

/**
 * Opens a document while the component is mounted: `null` before that, on a server and where `name` is `null`. It may be
 * written at once; what comes from the relay follows. Components that name the same document share it, and it is closed
 * after the last of them has gone. What is in memory alone then is waited for first.
 *
 * @param name changes as you like: the document before is given back
 * @param options of `Connection.open`, read when the document is opened
 */
export function useDocument(name: string | null, options?: OpenOptions): DocumentHandle | null {
  const source = useSource()
  const latest = useRef(options)
  useEffect(() => {
    latest.current = options
  })
  const subscribe = useCallback(
    (changed: () => void) => {
      if (name === null) return () => undefined
      const stop = source.listen(changed)
      const release = source.open(name, latest.current).use()
      return () => {
        stop()
        release()
      }
    },
    [source, name],
  )
  const read = () => (name === null ? null : (source.document(name)?.handle ?? null))
  const handle = useSyncExternalStore(subscribe, read, () => null)
  useDoc(handle)
  return handle
}

/** Options of {@link useSuspenseDocument}. */
export interface SuspenseDocumentOptions extends OpenOptions {
  /** what to wait for; default `content` */
  readonly until?: Until
}

/**
 * Like {@link useDocument}, and suspends until there is something to show. Needs a Suspense boundary below the provider.
 * A document that the relay refuses throws its SynclineError to the nearest error boundary. On a server it throws as well:
 * React sends the fallback of the boundary then, and the browser goes on.
 */
export function useSuspenseDocument(name: string, options: SuspenseDocumentOptions = {}): DocumentHandle {
  const source = useSource()
  const { until = 'content', ...open } = options
  if (typeof window === 'undefined') throw new Error('There are no documents on a server: Suspense shows its fallback')
  const document = source.open(name, open)
  document.demand(until)
  useEffect(() => document.use(), [document])
  useDoc(document.handle)
  return document.handle
}
