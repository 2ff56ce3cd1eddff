import type { StatusSource, SynclineStatus } from '@syncline/client/element'
import '@syncline/client/element'
import { element } from './dom.js'

/** The line that tells whether all is saved. */
export function statusLine(source: StatusSource): SynclineStatus {
  const line = element('syncline-status', { class: 'status' })
  line.source = source
  return line
}
