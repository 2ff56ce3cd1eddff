import type { DocumentHandle, DocumentStatus } from '@syncline/client'
import { element, setText } from './dom.js'

/** Whether edits of the document can reach the relay, now or later. */
export function isEditable(status: DocumentStatus): boolean {
  return !hasEnded(status) && status.access === 'write'
}

/** A banner that says why a document cannot be edited, while it cannot. */
export function notice(handle: DocumentHandle, leave: AbortSignal): HTMLElement {
  const banner = element('p', { class: 'banner', role: 'alert', hidden: true })
  const render = (status: DocumentStatus) => {
    banner.hidden = isEditable(status)
    banner.classList.toggle('refused', hasEnded(status))
    setText(banner, reasonFor(status))
  }
  leave.addEventListener('abort', handle.on('status', render))
  render(handle.status)
  return banner
}

function hasEnded({ connection }: DocumentStatus): boolean {
  return connection === 'refused' || connection === 'closed'
}

function reasonFor(status: DocumentStatus): string {
  if (isEditable(status)) return ''
  if (!hasEnded(status)) return 'You can read this document, but not change it.'
  const place = status.unkept > 0 ? 'on this page only: copy it before you leave' : 'kept on this device'
  const lost = status.pending > 0 ? ` What is not saved is ${place}.` : ''
  return `The relay ended this session. ${status.error?.reason ?? 'The document was closed.'}${lost}`
}
