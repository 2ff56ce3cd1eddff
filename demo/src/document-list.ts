import { DocumentRow } from './document-row.js'
import { type Entry, index, listDocuments, onListChange } from './documents.js'
import { element, setText } from './dom.js'
import { heldHere, keptNames, onTabStatus, relay } from './relay.js'
import { toast } from './toast.js'

const rowsMax = 200
const agingMs = 30_000 // "1 minute ago" grows old

/** The list of documents, live. */
export function documentList(leave: AbortSignal): HTMLElement {
  const list = element('ul', { class: 'document-list', 'data-testid': 'document-list', 'aria-labelledby': 'documents' })
  const note = element('p', { class: 'note' })
  const held = element('p', { class: 'note', 'data-testid': 'held', hidden: true })
  const rows = new Map<string, DocumentRow>()
  const keepButton = keepAllButton(() => look())
  let nothing = 'Fetching the list…'
  let kept: ReadonlySet<string> = new Set()

  const render = () => {
    const entries = listDocuments()
    showRows(list, rows, entries.slice(0, rowsMax), kept)
    keepButton.hidden = relay.state !== 'online' || entries.every(({ name }) => kept.has(name))
    list.hidden = entries.length === 0
    note.hidden = entries.length > 0 && entries.length <= rowsMax
    setText(note, entries.length > rowsMax ? `and ${entries.length - rowsMax} older ones` : nothing)
  }
  const look = async () => {
    const [names, words] = await Promise.all([keptNames(), heldHere()])
    kept = names
    setText(held, words)
    held.hidden = words === '' || kept.size === 0
    if (!leave.aborted) render()
  }
  const settle = (text: string) => {
    nothing = text
    render()
  }

  index.synced.then(
    () => settle('No documents yet. The first one is a click away.'),
    () => settle('The list could not be fetched.'),
  )
  onListChange(render, leave)
  leave.addEventListener('abort', onTabStatus(render))
  const timer = setInterval(render, agingMs)
  leave.addEventListener('abort', () => clearInterval(timer))
  render()
  void look()
  const head = element('div', { class: 'list-head' }, element('h2', { id: 'documents' }, 'Documents'), keepButton)
  return element('section', { class: 'documents' }, head, list, note, held)
}

/** Brings every document to this device, so that all of them open without any network. */
function keepAllButton(done: () => Promise<void>): HTMLButtonElement {
  const label = 'Keep all on this device'
  const button = element('button', { type: 'button', class: 'quiet', 'data-testid': 'keep-all' }, label)
  button.addEventListener('click', async () => {
    button.disabled = true
    const names = listDocuments().map(({ name }) => name)
    try {
      await relay.keepOffline(names, (kept, of) => setText(button, `${kept} of ${of} on this device…`))
    } catch (error) {
      toast(error instanceof Error ? error.message : String(error))
    }
    button.disabled = false
    setText(button, label)
    await done()
  })
  return button
}

/** Makes the list show these entries in this order, with the rows that it has. */
function showRows(
  list: HTMLElement,
  rows: Map<string, DocumentRow>,
  entries: readonly Entry[],
  kept: ReadonlySet<string>,
): void {
  const names = new Set(entries.map(({ name }) => name))
  for (const [name, { item }] of rows) {
    if (names.has(name)) continue
    item.remove()
    rows.delete(name)
  }
  // rows keep their places while a person is typing into one
  const steady = [...rows.values()].some((row) => row.renaming)
  const focused = document.activeElement
  entries.forEach((entry, place) => {
    const row = rows.get(entry.name) ?? new DocumentRow(entry)
    rows.set(entry.name, row)
    row.show(entry, kept.has(entry.name))
    const there = list.children[place] ?? null
    if (there !== row.item && !(steady && row.item.isConnected)) list.insertBefore(row.item, there)
  })
  // a row that moved has lost the focus
  if (focused instanceof HTMLElement && list.contains(focused)) focused.focus({ preventScroll: true })
}
