import { connect, type DocumentHandle } from '@syncline/client'
import { indexedDbStore, storageEstimate } from '@syncline/client/indexeddb'
import { Throttle } from '@syncline/client/throttle'

/** The network of this tab, which the devtools can make slow. */
export const network = new Throttle()

/** The relay that served this page; what it has not saved is kept on this device. */
export const relay = connect(location.origin, {
  store: indexedDbStore(),
  webSocket: network.webSocket,
  transport: 'auto',
})

const handles = new Set<DocumentHandle>()
const listeners = new Set<() => void>()

/** Opens a document, and warns before the tab is closed while changes of it are kept nowhere else: a device may be full. */
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

/** The names of the documents that open on this device without any network; none where nothing can be kept. */
export async function keptNames(): Promise<ReadonlySet<string>> {
  return new Set(await relay.kept().catch(() => []))
}

/** How much this device holds, in words; '' where the browser does not tell. */
export async function heldHere(): Promise<string> {
  const estimate = await storageEstimate()
  return estimate ? `${megabytes(estimate.usage)} of ${megabytes(estimate.quota)} used on this device` : ''
}

function megabytes(bytes: number): string {
  const inUnits = (unit: 'megabyte' | 'gigabyte', value: number) =>
    new Intl.NumberFormat('en', { style: 'unit', unit, maximumSignificantDigits: 2 }).format(value)
  return bytes < 1e9 ? inUnits('megabyte', bytes / 1e6) : inUnits('gigabyte', bytes / 1e9)
}

/** Calls back when the status of any document of this tab changes; the result stops it. */
export function onTabStatus(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** The status over all documents of this tab: `pending` and `unkept` changes. */
export function changesInTab(): { pending: number; unkept: number } {
  const statusOf = new Map([...handles].map((handle) => [handle.name, handle.status]))
  const total = { pending: 0, unkept: 0 }
  for (const { pending, unkept } of statusOf.values()) {
    total.pending += pending
    total.unkept += unkept
  }
  return total
}

addEventListener('beforeunload', (event) => {
  if (changesInTab().unkept > 0) event.preventDefault()
})
