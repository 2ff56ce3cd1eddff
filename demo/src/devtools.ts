import type { Connection, DocumentHandle } from '@syncline/client'
import type { Throttle } from '@syncline/client/throttle'
import { element } from './dom.js'
import { icon } from './icons.js'
import { toast } from './toast.js'

/** A button that shows and hides what is known of a document, and a network that can be made slow. */
export function devtoolsButton(
  handle: DocumentHandle,
  connection: Connection,
  throttle: Throttle,
  leave: AbortSignal,
): HTMLElement {
  const label = 'Devtools'
  const button = element(
    'button',
    { type: 'button', class: 'round', 'aria-label': label, title: label, 'aria-expanded': 'false' },
    icon('pulse'),
  )
  let panel: HTMLElement | null = null
  const toggle = async () => {
    if (panel !== null) {
      panel.remove()
      panel = null
    } else {
      await import('@syncline/client/devtools')
      if (leave.aborted) return
      panel = element('syncline-devtools', { class: 'devtools' })
      Object.assign(panel, { handle, connection, throttle })
      document.getElementById('app')!.append(panel)
    }
    button.ariaExpanded = String(panel !== null)
  }
  button.addEventListener('click', () => toggle().catch(() => toast('The devtools could not be fetched')))
  leave.addEventListener('abort', () => panel?.remove())
  return button
}
