import type { DocumentHandle } from '@syncline/client'
import * as Y from 'yjs'
import { devtoolsButton } from './devtools.js'
import { index, listDocument, titleOf, touchDocument } from './documents.js'
import { element } from './dom.js'
import { icon } from './icons.js'
import { isEditable, notice } from './notice.js'
import { join, peopleBar } from './people.js'
import { network, openDocument, relay, releaseDocument } from './relay.js'
import { type Kind, renew } from './router.js'
import { statusLine } from './status.js'
import { titleField } from './title.js'
import { toast } from './toast.js'

const editors = { text: () => import('./text-page.js'), code: () => import('./code-page.js') }

const syncMsMax = 800 // how long the editor waits for the document, before it appears empty and fills later

/** Fetches the editors while nothing else happens, so that a document can be made when the relay is out of reach. */
export function prefetchEditors(): void {
  // where that fails, the page that needs one says so
  for (const load of Object.values(editors)) load().catch(() => undefined)
}

/**
 * The page of one document: its title, state and people above, its editor below.
 *
 * @throws SynclineError `invalid_name`
 */
export function documentPage(kind: Kind, name: string, leave: AbortSignal): HTMLElement {
  const handle = openDocument(name)
  const title = titleField(handle, `Untitled ${kind}`, leave)
  const main = element('main', { class: 'document', 'aria-busy': 'true' })
  void showEditor(kind, handle, main, title, leave)
  keepListed(handle, leave)
  leave.addEventListener('abort', () => void releaseDocument(handle))
  const stop = handle.on('replaced', ({ refused }) => {
    // the editor is bound to a document that nobody keeps in sync any more
    if (refused.length > 0) toast('Some changes could not be saved, and were set aside')
    renew()
  })
  leave.addEventListener('abort', stop)
  const bar = element(
    'div',
    { class: 'bar' },
    element('a', { class: 'round', href: '/', 'data-page': true, 'aria-label': 'All documents' }, icon('back')),
    element('h1', { class: 'unseen' }, kind === 'text' ? 'Text document' : 'Code document'),
    element('div', { class: 'title-box' }, title),
    statusLine(handle),
    peopleBar(handle.awareness, leave),
    linkButton(),
    devtoolsButton(handle, relay, network, leave),
  )
  const top = element('header', { class: 'top' }, bar, notice(handle, leave))
  return element('div', { class: 'page document-page' }, top, main)
}

async function showEditor(
  kind: Kind,
  handle: DocumentHandle,
  main: HTMLElement,
  title: HTMLInputElement,
  leave: AbortSignal,
): Promise<void> {
  const editor = await editors[kind]().catch(() => null)
  await hereOrLate(handle)
  if (leave.aborted) return
  main.removeAttribute('aria-busy')
  if (editor === null)
    return main.append(element('p', { role: 'alert' }, 'The editor could not be fetched. Reload the page.'))
  join(handle.awareness)
  const mounted = editor.mount(handle, main, leave)
  let editable = true
  const obey = () => {
    // the status changes with every key, in the midst of the editor's own update: it must not be asked then
    if (editable === isEditable(handle.status)) return
    editable = !editable
    title.readOnly = !editable
    main.classList.toggle('locked', !editable)
    mounted.setEditable(editable)
  }
  leave.addEventListener('abort', handle.on('status', obey))
  obey()
  // a touch keyboard would hide half of the document that somebody came to read
  if (matchMedia('(pointer: fine)').matches && !isTyping()) mounted.focus()
}

/** The keyboard belongs to a field of the page already, such as the title. */
function isTyping(): boolean {
  return document.activeElement instanceof HTMLInputElement
}

/** Resolves when there is something to show: what this device kept, or what the relay has. */
export function hereOrLate(handle: DocumentHandle): Promise<void> {
  const late = new Promise<void>((resolve) => setTimeout(resolve, syncMsMax))
  const kept = handle.loaded.then(() => (isEmpty(handle.doc) ? late : undefined))
  // of a refusal the notice tells
  return Promise.race([handle.synced.catch(() => undefined), kept, late])
}

function isEmpty(doc: Y.Doc): boolean {
  return Y.encodeStateVector(doc).length === 1
}

function keepListed(handle: DocumentHandle, leave: AbortSignal): void {
  const { doc, name } = handle
  const list = () => {
    if (!leave.aborted) listDocument(name, titleOf(doc))
  }
  // not before both are here: an entry made too early would replace the one that exists
  Promise.all([index.synced, handle.synced]).then(list, () => undefined)
  const touch = (_update: Uint8Array, _origin: unknown, _doc: unknown, { local }: { local: boolean }) => {
    if (local) touchDocument(name)
  }
  doc.on('update', touch)
  leave.addEventListener('abort', () => doc.off('update', touch))
}

function linkButton(): HTMLElement {
  const label = 'Copy link'
  const button = element('button', { type: 'button', class: 'round', 'aria-label': label, title: label }, icon('link'))
  // browsers keep the clipboard from pages that came over plain HTTP from another machine
  button.hidden = !window.isSecureContext
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(location.href)
    toast('Link copied')
  })
  return button
}
