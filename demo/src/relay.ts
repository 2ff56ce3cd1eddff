import { connect, type DocumentHandle } from '@syncline/client'

/** The relay that served this page. */
export const relay = connect(location.origin)

const handles = new Set<DocumentHandle>()
const listeners = new Set<() => void>()

/** Opens a document, and warns before the tab is closed while changes of it are kept nowhere else. */
export function openDocument(name: string): DocumentHandle {
  const handle = relay.open(name)
  handles.add(handle)
  handle.on('status', () => {
    for (const listener of listeners) listener()
  })
  return handle
}

/** Gives a document back once all that was typed is saved: offline, it stays open behind the next page. */
export async function releaseDocument(handle: DocumentHandle): Promise<void> {
  handle.awareness.setLocalState(null)
  // a document that the relay refuses can't be saved any more: its page has said so
  await handle.saved().catch(() => undefined)
  await handle.close()
  handles.delete(handle)
  for (const listener of listeners) listener()
}

/** Calls back when the status of any document of this tab changes; the result stops it. */
export function onTabStatus(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** Changes that exist in this tab alone, over all its documents. */
export function pendingInTab(): number {
  const pendingOf = new Map([...handles].map((handle) => [handle.name, handle.status.pending]))
  return [...pendingOf.values()].reduce((sum, pending) => sum + pending, 0)
}

addEventListener('beforeunload', (event) => {
  if (pendingInTab() > 0) event.preventDefault()
})
