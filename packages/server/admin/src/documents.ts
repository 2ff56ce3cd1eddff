import { type OpenDocument, type Overview, read, type StoredDocument } from './api.js'
import { h, Rows, setText } from './dom.js'
import { agoText, bytesText, countText, rateText } from './format.js'

const pageSize = 200
const refreshMs = 10_000

/** A document with all that is known of it. */
export interface Listed extends StoredDocument {
  readonly open: OpenDocument | null
  readonly updatesPerSecond: number
}

type SortKey = 'name' | 'people' | 'rate' | 'bytes' | 'changed' | 'created'

const columns: readonly [key: SortKey, label: string, value: (listed: Listed) => number | string][] = [
  ['name', 'Document', ({ name }) => name],
  ['people', 'Sessions', ({ open }) => open?.sessions ?? 0],
  ['rate', 'Updates/s', ({ updatesPerSecond }) => updatesPerSecond],
  ['bytes', 'Size', ({ bytes }) => bytes],
  ['changed', 'Changed', ({ changedAt }) => changedAt ?? 0],
  ['created', 'Created', ({ createdAt }) => createdAt ?? 0],
]

/** The list of documents: those in memory as the relay tells them, the others as they are on disk. */
export class DocumentList {
  readonly element: HTMLElement
  readonly #open: (name: string) => void
  readonly #failed: (error: unknown) => void
  readonly #note = h('p', { class: 'muted small', role: 'status' })
  readonly #more = h('button', { type: 'button', hidden: true, click: () => void this.#load(this.#next) }, 'Show more')
  readonly #heads = new Map<SortKey, HTMLTableCellElement>()
  readonly #rows: Rows<Listed>
  #stored = new Map<string, StoredDocument>()
  #live = new Map<string, { readonly open: OpenDocument; readonly updatesPerSecond: number }>()
  #liveAt = 0
  #prefix = ''
  #next: string | null = null
  #sortBy: SortKey = 'people'
  #isDescending = true
  #timer = 0

  constructor(open: (name: string) => void, failed: (error: unknown) => void) {
    this.#open = open
    this.#failed = failed
    this.#rows = new Rows(
      ({ name }) => name,
      (name) => this.#row(name),
    )
    const search = h('input', {
      type: 'search',
      placeholder: 'Names that begin with…',
      'aria-label': 'Names that begin with',
      input: () => this.#search(search.value),
    })
    const head = h('tr', {}, ...columns.map(([key, label]) => this.#head(key, label)))
    const table = h('table', {}, h('thead', {}, head), this.#rows.body)
    this.element = h(
      'section',
      { class: 'card', 'aria-labelledby': 'documents' },
      h('div', { class: 'section-head' }, h('h2', { id: 'documents' }, 'Documents'), search),
      h('div', { class: 'scroll' }, table),
      h('div', { class: 'section-foot' }, this.#note, this.#more),
    )
    this.#showSorting()
    this.refresh()
    this.#timer = window.setInterval(() => this.refresh(), refreshMs)
  }

  close(): void {
    clearInterval(this.#timer)
  }

  /** Reads the list again, from its beginning. */
  refresh(): void {
    void this.#load(null)
  }

  showLive({ documents, time }: Overview): void {
    const seconds = Math.max(0.001, (time - this.#liveAt) / 1_000)
    const live = documents.map((open): [string, { open: OpenDocument; updatesPerSecond: number }] => {
      const before = this.#live.get(open.name)?.open.updates ?? (this.#liveAt === 0 ? open.updates : 0)
      return [open.name, { open, updatesPerSecond: Math.max(0, open.updates - before) / seconds }]
    })
    this.#live = new Map(live)
    this.#liveAt = time
    this.#show()
  }

  async #load(cursor: string | null): Promise<void> {
    const prefix = this.#prefix
    const query = new URLSearchParams({ prefix, limit: String(pageSize), ...(cursor === null ? {} : { cursor }) })
    try {
      const page = await read<{ documents: StoredDocument[]; next?: string }>(`/documents?${query}`)
      if (prefix !== this.#prefix) return
      if (cursor === null) this.#stored = new Map()
      for (const stored of page.documents) this.#stored.set(stored.name, stored)
      this.#next = page.next ?? null
      this.#show()
    } catch (error) {
      this.#failed(error)
    }
  }

  #search(prefix: string): void {
    this.#prefix = prefix
    this.#stored = new Map()
    this.refresh()
  }

  #listed(): Listed[] {
    const stored = [...this.#stored.values()].map((each): Listed => {
      const live = this.#live.get(each.name)
      return { ...each, open: live?.open ?? null, updatesPerSecond: live?.updatesPerSecond ?? 0 }
    })
    // opened, and not written yet or on another page
    for (const [name, live] of this.#live) {
      if (this.#stored.has(name) || !name.startsWith(this.#prefix)) continue
      stored.push({ name, position: 0, bytes: live.open.bytes, createdAt: null, changedAt: null, ...live })
    }
    const value = columns.find(([key]) => key === this.#sortBy)![2]
    const sign = this.#isDescending ? -1 : 1
    return stored.sort((a, b) => {
      const [x, y] = [value(a), value(b)]
      return x === y ? (a.name < b.name ? -1 : 1) : sign * (x < y ? -1 : 1)
    })
  }

  #show(): void {
    const listed = this.#listed()
    this.#rows.show(listed)
    this.#more.hidden = this.#next === null
    setText(this.#note, listed.length === 0 ? 'There is none.' : `${countText(listed.length)} shown`)
  }

  #head(key: SortKey, label: string): HTMLElement {
    const sort = () => {
      this.#isDescending = this.#sortBy === key ? !this.#isDescending : key !== 'name'
      this.#sortBy = key
      this.#showSorting()
      this.#show()
    }
    const cell = h(
      'th',
      { scope: 'col', class: key },
      h('button', { type: 'button', class: 'sort', click: sort }, label),
    )
    this.#heads.set(key, cell)
    return cell
  }

  #showSorting(): void {
    for (const [key, head] of this.#heads) {
      head.setAttribute('aria-sort', key !== this.#sortBy ? 'none' : this.#isDescending ? 'descending' : 'ascending')
    }
  }

  #row(name: string) {
    const cells = new Map(columns.slice(1).map(([key, label]) => [key, h('td', { class: key, 'data-label': label })]))
    const mark = h('span', { class: 'pill ochre', hidden: true }, 'read-only')
    const link = h('button', { type: 'button', class: 'link', click: () => this.#open(name) }, name)
    const element = h('tr', {}, h('td', { class: 'name' }, link, mark), ...cells.values())
    const show = ({ open, updatesPerSecond, bytes, changedAt, createdAt }: Listed) => {
      const now = Date.now()
      mark.hidden = (open?.readOnlyUntil ?? null) === null
      setText(cells.get('people')!, open ? countText(open.sessions) : '–')
      setText(cells.get('rate')!, open ? rateText(updatesPerSecond) : '–')
      setText(cells.get('bytes')!, bytesText(bytes))
      setText(cells.get('changed')!, agoText(changedAt, now))
      setText(cells.get('created')!, agoText(createdAt, now))
    }
    return { element, show }
  }
}
