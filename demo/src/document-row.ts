import { type Entry, index, labelOf, renameDocument, titleLengthMax, unlistDocument } from './documents.js'
import { element, setText } from './dom.js'
import { type IconName, icon } from './icons.js'
import { pathOf } from './router.js'
import { toast } from './toast.js'

/** A document on the list: a link to it, and buttons that rename it and take it off the list. */
export class DocumentRow {
  readonly item: HTMLLIElement
  #entry: Entry
  readonly #link = element('a', { 'data-page': true })
  readonly #time = element('time')
  readonly #kept = element('span', { class: 'kept', hidden: true }, ' · on this device')
  readonly #renameButton = button('pencil', () => this.#rename())
  readonly #removeButton = button('remove', () => this.#remove())

  constructor(entry: Entry) {
    this.#entry = entry
    this.#link.href = pathOf(entry.name)
    const face = element('span', { class: 'kind' }, icon(entry.kind))
    const what = element(
      'span',
      { class: 'what' },
      this.#link,
      element('span', { class: 'when' }, this.#time, this.#kept),
    )
    this.item = element('li', { class: entry.kind }, face, what, this.#renameButton, this.#removeButton)
    this.show(entry, false)
  }

  /** A person is typing a new title. */
  get renaming(): boolean {
    return !this.#link.isConnected && this.item.isConnected
  }

  /** @param kept it opens without any network */
  show(entry: Entry, kept: boolean): void {
    this.#entry = entry
    this.#kept.hidden = !kept
    const label = labelOf(entry)
    setText(this.#link, label)
    setText(this.#time, `${entry.kind === 'text' ? 'Text' : 'Code'} · ${ago(entry.updated)}`)
    this.#renameButton.ariaLabel = `Rename ${label}`
    this.#removeButton.ariaLabel = `Take ${label} off the list`
  }

  #rename(): void {
    if (index.status.connection !== 'online') {
      toast('Offline, a title can be changed on the page of its document only.')
      return
    }
    const { name, title } = this.#entry
    const field = element('input', {
      class: 'rename',
      'aria-label': 'Title',
      maxlength: String(titleLengthMax),
      value: title,
    })
    let finished = false
    const finish = (chosen: string) => {
      // to be replaced takes the focus from the field: it would finish twice
      if (finished) return
      finished = true
      field.replaceWith(this.#link)
      if (chosen !== title) void renameDocument(name, chosen)
    }
    field.addEventListener('blur', () => finish(field.value.trim()))
    field.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' && event.key !== 'Escape') return
      finish(event.key === 'Enter' ? field.value.trim() : title)
      this.#link.focus()
    })
    this.#link.replaceWith(field)
    field.focus()
    field.select()
  }

  #remove(): void {
    const byKeyboard = this.#removeButton.matches(':focus-visible')
    const putBack = unlistDocument(this.#entry)
    const undo = toast(`“${labelOf(this.#entry)}” is off the list.`, { label: 'Undo', run: putBack })
    // the button that had the focus is gone
    if (byKeyboard) undo?.focus()
  }
}

function button(face: IconName, run: () => void): HTMLButtonElement {
  const made = element('button', { type: 'button', class: 'round' }, icon(face))
  made.addEventListener('click', run)
  return made
}

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' })

function ago(time: number): string {
  const minutes = Math.round((Date.now() - time) / 60_000)
  if (minutes < 1) return 'just now'
  if (minutes < 60) return relative.format(-minutes, 'minute')
  if (minutes < 24 * 60) return relative.format(-Math.round(minutes / 60), 'hour')
  if (minutes < 30 * 24 * 60) return relative.format(-Math.round(minutes / 60 / 24), 'day')
  return new Date(time).toLocaleDateString('en', { day: 'numeric', month: 'long', year: 'numeric' })
}
