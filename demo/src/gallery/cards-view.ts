import { element, setText } from '../dom.js'

/** Where a card is: one value, so that of two moves at once one wins as a whole, and no card is ever there twice. */
export type Place = readonly [column: string, order: string]

/** A card as the board shows it. */
export interface Card {
  readonly id: string
  readonly text: string
  readonly place: Place
}

/** What a person does to the board. */
export interface BoardActions {
  add(column: string, text: string): void
  move(id: string, column: string, index: number): void
  rename(id: string, text: string): void
  remove(id: string): void
}

const hint =
  'Drag cards, or move the one that has the focus with Alt and the arrow keys. Enter renames it, Delete removes it.'

/** Columns of cards on the page: it draws what it is given, and tells what people do. */
export function boardView(parent: HTMLElement, columns: readonly string[], actions: BoardActions) {
  const items = new Map<string, HTMLLIElement>()
  let shown: readonly (readonly Card[])[] = []
  let dragged = ''
  const lists = columns.map((column) => element('ul', { 'aria-label': column }))
  const board = element('div', { class: 'board' })
  for (const [at, column] of columns.entries()) {
    const list = lists[at]!
    const field = element('input', {
      'aria-label': `New card in ${column}`,
      placeholder: 'New card…',
      maxlength: '200',
    })
    const form = element('form', {}, field)
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      if (field.value.trim() !== '') actions.add(column, field.value.trim())
      field.value = ''
    })
    const section = element('section', { class: 'board-column' }, element('h2', {}, column), list, form)
    section.addEventListener('dragover', (event) => event.preventDefault())
    section.addEventListener('drop', (event) => {
      event.preventDefault()
      const rest = shown[at]!.filter(({ id }) => id !== dragged)
      const below = rest.findIndex(({ id }) => {
        const { top, height } = items.get(id)!.getBoundingClientRect()
        return event.clientY < top + height / 2
      })
      actions.move(dragged, column, below === -1 ? rest.length : below)
    })
    board.append(section)
  }
  parent.append(board, element('p', { class: 'hint' }, hint))

  const press = (event: KeyboardEvent, id: string) => {
    if (event.target instanceof HTMLInputElement) return
    if (event.key === 'Delete') return actions.remove(id)
    if (event.key === 'Enter') return edit(id)
    const at = shown.findIndex((cards) => cards.some((card) => card.id === id))
    const index = shown[at]!.findIndex((card) => card.id === id)
    const steps: Record<string, readonly [number, number]> = {
      ArrowUp: [0, -1],
      ArrowDown: [0, 1],
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
    }
    const step = steps[event.key]
    const column = step && columns[at + step[0]]
    if (!event.altKey || step === undefined || column === undefined) return
    event.preventDefault()
    actions.move(id, column, Math.max(0, index + step[1]))
    items.get(id)?.focus()
  }

  const edit = (id: string) => {
    const item = items.get(id)!
    const field = element('input', {
      'aria-label': 'Text of the card',
      value: item.textContent ?? '',
      maxlength: '200',
    })
    let isDone = false
    const done = (keep: boolean) => {
      if (isDone) return
      isDone = true
      const text = field.value.trim()
      field.replaceWith(...(text === '' ? [] : [text]))
      if (keep && text !== '') actions.rename(id, text)
      item.focus()
    }
    field.addEventListener('blur', () => done(true))
    field.addEventListener('keydown', (event) => {
      event.stopPropagation()
      if (event.key === 'Enter' || event.key === 'Escape') done(event.key === 'Enter')
    })
    item.replaceChildren(field)
    field.select()
  }

  const itemOf = (id: string) => {
    const known = items.get(id)
    if (known) return known
    const item = element('li', { tabindex: '0', draggable: 'true', 'data-card': id })
    item.addEventListener('dragstart', () => {
      dragged = id
    })
    item.addEventListener('dblclick', () => edit(id))
    item.addEventListener('keydown', (event) => press(event, id))
    items.set(id, item)
    return item
  }

  return {
    /** Shows these cards, a list for each column. */
    show(cards: readonly (readonly Card[])[]) {
      shown = cards
      const focused = document.activeElement
      const ids = new Set(cards.flat().map(({ id }) => id))
      for (const [id, item] of items) {
        if (ids.has(id)) continue
        item.remove()
        items.delete(id)
      }
      for (const [at, list] of lists.entries()) {
        for (const [index, { id, text }] of cards[at]!.entries()) {
          const item = itemOf(id)
          if (item.querySelector('input') === null) setText(item, text)
          if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null)
        }
      }
      // a card that moved has lost the focus
      if (focused instanceof HTMLElement && board.contains(focused)) focused.focus({ preventScroll: true })
    },
  }
}
