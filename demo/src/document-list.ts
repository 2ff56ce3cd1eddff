import { DocumentRow } from './document-row.js'
import { type Entry, index, listDocuments, onListChange } from './documents.js'
import { element, setText } from './dom.js'

const rowsMax = 200
const agingMs = 30_000 // "1 minute ago" grows old

/** The list of documents, live. */
export function documentList(leave: AbortSignal): HTMLElement {
  const list = element('ul', { class: 'document-list', 'data-testid': 'document-list', 'aria-labelledby': 'documents' })
  const note = element('p', { class: 'note' })
  const rows = new Map<string, DocumentRow>()
  let nothing = 'Fetching the list…'

  const render = () => {
    const entries = listDocuments()
    showRows(list, rows, entries.slice(0, rowsMax))
    list.hidden = entries.length === 0
    note.hidden = entries.length > 0 && entries.length <= rowsMax
    setText(note, entries.length > rowsMax ? `and ${entries.length - rowsMax} older ones` : nothing)
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
  const timer = setInterval(render, agingMs)
  leave.addEventListener('abort', () => clearInterval(timer))
  render()
  return element('section', { class: 'documents' }, element('h2', { id: 'documents' }, 'Documents'), list, note)
}

/** Makes the list show these entries in this order, with the rows that it has. */
function showRows(list: HTMLElement, rows: Map<string, DocumentRow>, entries: readonly Entry[]): void {
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
    row.show(entry)
    const there = list.children[place] ?? null
    if (there !== row.item && !(steady && row.item.isConnected)) list.insertBefore(row.item, there)
  })
  // a row that moved has lost the focus
  if (focused instanceof HTMLElement && list.contains(focused)) focused.focus({ preventScroll: true })
}
