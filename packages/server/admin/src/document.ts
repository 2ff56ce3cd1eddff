import { ask, type Change, type OpenSession, pathOf, Refusal, read, type StoredDocument } from './api.js'
import { h, Rows, setText } from './dom.js'
import { agoText, bytesText, countText, timeText } from './format.js'

const refreshMs = 2_000

/** What the dialog of a document tells its owner. */
export interface DocumentEvents {
  /** something was done that the list shows */
  changed(): void
  closed(): void
}

/** One document: who has it open, what was written last, and what an operator may do with it. */
export class DocumentDialog {
  readonly element: HTMLDialogElement
  readonly #name: string
  readonly #events: DocumentEvents
  readonly #facts = h('p', { class: 'muted' })
  readonly #message = h('p', { class: 'alert', role: 'status', hidden: true })
  readonly #sessions: Rows<OpenSession>
  readonly #changes: Rows<Change>
  readonly #nobody = h('p', { class: 'muted' }, 'Nobody has it open.')
  readonly #readOnly = h('div', { class: 'action' })
  #until: number | null = null
  #timer = 0

  constructor(name: string, readOnlyUntil: number | null, events: DocumentEvents) {
    this.#name = name
    this.#events = events
    this.#sessions = new Rows(
      ({ id }) => String(id),
      (id) => this.#sessionRow(id),
    )
    this.#changes = new Rows(({ position }) => String(position), changeRow)
    this.element = h('dialog', { 'aria-labelledby': 'document-name', close: () => this.#close() }, ...this.#content())
    this.showReadOnly(readOnlyUntil)
    void this.#refresh()
    this.#timer = window.setInterval(() => void this.#refresh(), refreshMs)
  }

  get name(): string {
    return this.#name
  }

  /** Until when nobody may write it. */
  showReadOnly(until: number | null): void {
    if (until === this.#until && this.#readOnly.childElementCount > 0) return
    this.#until = until
    if (until === null) return this.#readOnly.replaceChildren(...this.#offerReadOnly())
    const end = () =>
      void this.#do('Whoever may write it may do so again.', () => ask(`${this.#path}/read-only`, 'DELETE'))
    this.#readOnly.replaceChildren(
      h('span', { class: 'pill ochre' }, `read-only until ${timeText(until)}`),
      h('button', { type: 'button', click: end }, 'End that now'),
    )
  }

  get #path(): string {
    return pathOf(this.#name)
  }

  #content(): HTMLElement[] {
    const close = h(
      'button',
      { type: 'button', class: 'close', 'aria-label': 'Close', click: () => this.element.close() },
      '×',
    )
    const compact = () => void this.#do('It is compact.', () => ask(`${this.#path}/compaction`, 'POST'))
    const headed = (...labels: string[]) =>
      h('thead', {}, h('tr', {}, ...labels.map((each) => h('th', { scope: 'col' }, each))))
    return [
      h('div', { class: 'title-row' }, h('h2', { id: 'document-name' }, this.#name), close),
      this.#facts,
      this.#message,
      h(
        'div',
        { class: 'actions' },
        h('button', { type: 'button', click: () => void this.#download() }, 'Download'),
        h('button', { type: 'button', click: compact }, 'Compact'),
        this.#readOnly,
        h('button', { type: 'button', class: 'danger apart', click: () => this.#confirmRemoval() }, 'Delete…'),
      ),
      h('h3', {}, 'Sessions'),
      this.#nobody,
      h('div', { class: 'scroll' }, h('table', {}, headed('Who', 'May', 'From', 'Since', ''), this.#sessions.body)),
      h('h3', {}, 'Recent changes'),
      h('div', { class: 'scroll' }, h('table', {}, headed('Position', 'When', 'Size', 'Whose'), this.#changes.body)),
    ]
  }

  #offerReadOnly(): HTMLElement[] {
    const minutes = h('input', {
      type: 'number',
      min: '1',
      max: '1440',
      value: '10',
      id: 'minutes',
      inputmode: 'numeric',
    })
    const begin = () => {
      if (!minutes.reportValidity()) return
      const seconds = Math.round(60 * minutes.valueAsNumber)
      void this.#do('Nobody may write it for now, and its clients were told.', () =>
        ask(`${this.#path}/read-only`, 'PUT', { seconds }),
      )
    }
    return [
      h('button', { type: 'button', click: begin }, 'Make read-only'),
      h('label', { for: 'minutes' }, 'for'),
      minutes,
      h('span', {}, 'min'),
    ]
  }

  #sessionRow(id: string) {
    const cells = ['Who', 'May', 'From', 'Since'].map((label) => h('td', { 'data-label': label }))
    const end = () =>
      void this.#do('The session is over, and its client was told.', () =>
        ask(`${this.#path}/sessions/${id}`, 'DELETE'),
      )
    const button = h('button', { type: 'button', click: end }, 'End')
    const element = h('tr', {}, ...cells, h('td', { class: 'end' }, button))
    const show = ({ subject, access, address, since }: OpenSession) => {
      const texts = [subject || 'nobody asked', access, address, agoText(since, Date.now())]
      for (const [index, text] of texts.entries()) setText(cells[index]!, text)
      button.setAttribute('aria-label', `End the session of ${subject || address}`)
    }
    return { element, show }
  }

  async #refresh(): Promise<void> {
    try {
      const [{ sessions }, changes, info] = await Promise.all([
        read<{ sessions: OpenSession[] }>(`${this.#path}/sessions`),
        read<{ changes: Change[] }>(`${this.#path}/changes`).catch(unlessMissing({ changes: [] })),
        read<StoredDocument | null>(`${this.#path}/info`).catch(unlessMissing(null)),
      ])
      this.#sessions.show(sessions)
      this.#nobody.hidden = sessions.length > 0
      this.#changes.show(changes.changes)
      setText(this.#facts, factsOf(info))
    } catch (error) {
      this.#say(error)
    }
  }

  async #do(done: string, run: () => Promise<unknown>): Promise<void> {
    try {
      await run()
      this.#say(done)
      this.#events.changed()
      await this.#refresh()
    } catch (error) {
      this.#say(error)
    }
  }

  async #download(): Promise<void> {
    await this.#do('It is downloaded, as one Yjs update.', async () => {
      const bytes = await (await ask(`${this.#path}/update`)).blob()
      const url = URL.createObjectURL(bytes)
      h('a', { href: url, download: `${this.#name.replaceAll(/[^\p{L}\p{N}._-]+/gu, '-')}.update` }).click()
      setTimeout(() => URL.revokeObjectURL(url), 10_000)
    })
  }

  #confirmRemoval(): void {
    const remove = async () => {
      asked.close()
      try {
        await ask(this.#path, 'DELETE')
        this.#events.changed()
        this.element.close()
      } catch (error) {
        this.#say(error)
      }
    }
    const asked: HTMLDialogElement = h(
      'dialog',
      { class: 'small-dialog', role: 'alertdialog', 'aria-labelledby': 'really', close: () => asked.remove() },
      h('h2', { id: 'really' }, `Delete ${this.#name}?`),
      h(
        'p',
        {},
        'It is deleted for good, with its history. Whoever has it open is told, and keeps a copy on their device.',
      ),
      h(
        'div',
        { class: 'actions' },
        h('button', { type: 'button', class: 'apart', autofocus: true, click: () => asked.close() }, 'Keep it'),
        h('button', { type: 'button', class: 'danger', click: () => void remove() }, 'Delete for good'),
      ),
    )
    document.body.append(asked)
    asked.showModal()
  }

  #say(what: unknown): void {
    const isError = typeof what !== 'string'
    this.#message.classList.toggle('good', !isError)
    setText(this.#message, isError ? (what instanceof Refusal ? what.message : 'The relay does not answer') : what)
    this.#message.hidden = false
  }

  #close(): void {
    clearInterval(this.#timer)
    this.element.remove()
    this.#events.closed()
  }
}

function changeRow() {
  const cells = ['Position', 'When', 'Size', 'Whose'].map((label) => h('td', { 'data-label': label }))
  const show = ({ position, time, bytes, authors }: Change) => {
    const texts = [
      countText(position),
      agoText(time, Date.now()),
      bytesText(bytes),
      authors.filter(Boolean).join(', ') || '–',
    ]
    for (const [index, text] of texts.entries()) setText(cells[index]!, text)
  }
  return { element: h('tr', {}, ...cells), show }
}

function factsOf(info: StoredDocument | null): string {
  if (info === null) return 'Nothing of it is on disk.'
  const { bytes, position, createdAt, changedAt } = info
  const now = Date.now()
  const size = `${bytesText(bytes)} on disk, position ${countText(position)}`
  return `${size} · created ${agoText(createdAt, now)} · changed ${agoText(changedAt, now)}`
}

function unlessMissing<T>(instead: T): (error: unknown) => T {
  return (error) => {
    if (error instanceof Refusal && (error.status === 404 || error.status === 410)) return instead
    throw error
  }
}
