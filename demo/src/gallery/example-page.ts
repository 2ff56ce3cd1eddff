import { type Connection, connect, type DocumentHandle } from '@syncline/client'
import { devtoolsButton } from '../devtools.js'
import { hereOrLate } from '../document-page.js'
import { element, setText } from '../dom.js'
import { icon } from '../icons.js'
import { lostPage } from '../lost-page.js'
import { notice } from '../notice.js'
import { join, peopleBar, peopleList } from '../people.js'
import { network, openDocument, relay, releaseDocument } from '../relay.js'
import { statusLine } from '../status.js'
import { toolbar } from '../toolbar.js'
import type { Example } from './example.js'
import { documentOf, type Page, pageWith } from './pages.js'

/** The page of one example: a pane, or two panes that are two people with a connection each. */
export function examplePage(id: string, panes: 1 | 2, leave: AbortSignal): HTMLElement {
  const page = pageWith(id)
  if (page === undefined) return lostPage(`There is no page at /gallery/${id}.`)
  document.title = `${page.title} · Syncline`
  const other = panes === 1 ? `/gallery/${id}/side-by-side` : `/gallery/${id}`
  const label = panes === 1 ? 'Side by side' : 'One pane'
  const handle = openDocument(documentOf(page))
  const top = element(
    'header',
    { class: 'top' },
    element(
      'div',
      { class: 'bar' },
      element('a', { class: 'round', href: '/gallery', 'data-page': true, 'aria-label': 'Gallery' }, icon('back')),
      element('h1', { class: 'example-title' }, page.title),
      devtoolsButton(handle, relay, network, leave),
      element('a', { class: 'switch', href: other, 'data-page': true }, icon('panes'), label),
    ),
  )
  const own = pane(page, relay, handle, panes === 1 ? null : 'Left', leave)
  const main = element('main', { class: 'panes' }, own)
  if (panes === 2) main.append(secondPane(page, leave))
  return element('div', { class: `page example-page panes-${panes}` }, top, main)
}

/** Two people at one example, for another page. */
export function sideBySide(id: string, leave: AbortSignal): HTMLElement {
  const page = pageWith(id)!
  const own = pane(page, relay, openDocument(documentOf(page)), 'Left', leave)
  return element('div', { class: 'panes-2' }, element('div', { class: 'panes' }, own, secondPane(page, leave)))
}

/** Somebody else in the same window: with a connection of their own, which keeps nothing on this device. */
function secondPane(page: Page, leave: AbortSignal): HTMLElement {
  const connection = connect(location.origin)
  leave.addEventListener('abort', () => void connection.close())
  return pane(page, connection, connection.open(documentOf(page)), 'Right', leave)
}

/** @param side which of two panes it is, null where there is one */
function pane(
  page: Page,
  connection: Connection,
  handle: DocumentHandle,
  side: 'Left' | 'Right' | null,
  leave: AbortSignal,
): HTMLElement {
  let example: Example | null = null
  const { bar } = toolbar(side === null ? 'Editing' : `Editing, ${side.toLowerCase()}`, [
    [
      { label: 'Undo', face: 'undo', run: () => example?.undo() },
      { label: 'Redo', face: 'redo', run: () => example?.redo() },
    ],
  ])
  const people = side === null ? peopleBar(handle.awareness, leave) : peopleList(handle.awareness, leave)
  const sheet = element('div', {
    class: `sheet ${page.look} example ${page.id}`,
    'data-testid': 'example',
    'aria-busy': 'true',
  })
  const controls = element(
    'div',
    { class: 'controls' },
    bar,
    onlineSwitch(connection, leave),
    statusLine(handle),
    people,
  )
  const section = element('section', { class: 'pane' }, controls, notice(handle, leave), sheet)
  if (side !== null) {
    section.ariaLabel = side
    stayAtTheCursor(section)
  }
  void show()
  leave.addEventListener('abort', () => {
    example?.destroy()
    if (connection !== relay) return
    connection.goOnline()
    void releaseDocument(handle)
  })
  return section

  async function show(): Promise<void> {
    const [loaded] = await Promise.all([page.load().catch(() => null), hereOrLate(handle)])
    if (leave.aborted) return
    sheet.removeAttribute('aria-busy')
    if (loaded === null) {
      return sheet.append(element('p', { role: 'alert' }, 'The editor could not be fetched. Reload the page.'))
    }
    if (side === null) join(handle.awareness)
    else join(handle.awareness, side, side === 'Left' ? 0 : 1)
    example = loaded.mount(handle, sheet)
  }
}

/**
 * An editor takes its cursor away when the focus goes. Where that goes to the other pane, the line in which the cursor was
 * is drawn anew there, and a click into it in this very moment is lost: the cursor stays until something is typed.
 */
function stayAtTheCursor(pane: HTMLElement): void {
  const leave = (event: FocusEvent) => {
    if (event.relatedTarget instanceof Element && event.relatedTarget.closest('.pane')) event.stopPropagation()
  }
  pane.addEventListener('focusout', leave, { capture: true })
}

/** A button that takes this pane off the network, and back. */
function onlineSwitch(connection: Connection, leave: AbortSignal): HTMLElement {
  const text = element('span')
  const button = element('button', { type: 'button', class: 'switch' }, text)
  let isOff = false
  const render = () => {
    setText(text, isOff ? 'Go online' : 'Go offline')
    button.classList.toggle('off', isOff)
  }
  // the text keeps its focus and selection when the mouse is used
  button.addEventListener('mousedown', (event) => event.preventDefault())
  button.addEventListener('click', () => {
    isOff = !isOff
    if (isOff) connection.goOffline()
    else connection.goOnline()
    render()
  })
  // another page may have gone online meanwhile
  leave.addEventListener(
    'abort',
    connection.on('state', (state) => {
      if (state === 'online') isOff = false
      render()
    }),
  )
  render()
  return button
}
