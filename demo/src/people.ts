import type { Awareness } from 'y-protocols/awareness'
import { element } from './dom.js'

/** How a person appears to the others: the shape that the editor bindings read from the awareness field `user`. */
export interface Person {
  readonly name: string
  /** six hex digits: white text on it has a contrast of at least 4.5, and it stands out from either background */
  readonly color: string
  /** the same with alpha, for selections */
  readonly colorLight: string
}

const colors = [
  '#0e7c86',
  '#b3492d',
  '#6a5acd',
  '#2f7d3b',
  '#b93884',
  '#2f6fc4',
  '#8a6410',
  '#8e4ec6',
  '#c02d4b',
  '#5a6f12',
]
const guests = ['Otter', 'Heron', 'Lynx', 'Marten', 'Plover', 'Ibex', 'Badger', 'Wren', 'Newt', 'Hare']
const nameLengthMax = 40
const avatarsMax = 5
const storageKey = 'syncline.name'

const guestName =
  stored(() => sessionStorage.getItem(storageKey)) ?? `Guest ${guests[Math.floor(Math.random() * guests.length)]}`
stored(() => sessionStorage.setItem(storageKey, guestName))

/** The person's own name: what they chose, or a guest's name that lasts as long as this tab, also when it is reloaded. */
let ownName = stored(() => localStorage.getItem(storageKey)) ?? guestName

function keepName(name: string): void {
  ownName = name || guestName
  stored(() => (name === '' ? localStorage.removeItem(storageKey) : localStorage.setItem(storageKey, name)))
}

/** A browser may forbid storage: then the name lasts as long as the tab. */
function stored<T>(use: () => T): T | null {
  try {
    return use()
  } catch {
    return null
  }
}

/**
 * Shows oneself to the others, in a colour that nobody here wears where one is left.
 *
 * @param draw picks among those: two who come at once don't see each other yet
 */
export function join(awareness: Awareness, name = ownName, draw = awareness.clientID): void {
  const taken = others(awareness).map(({ color }) => color)
  const free = colors.filter((color) => !taken.includes(color))
  const choice = free.length > 0 ? free : colors
  const color = choice[draw % choice.length]!
  awareness.setLocalState({ user: { name, color, colorLight: `${color}33` } satisfies Person })
}

function rename(awareness: Awareness, name: string): void {
  const state = awareness.getLocalState()
  // bindings keep the drawn cursor, with its name, while there is one: it comes back when the person returns to the text
  if (state !== null) awareness.setLocalState({ ...state, user: { ...state.user, name }, cursor: null })
}

function others(awareness: Awareness): Person[] {
  const states = [...awareness.getStates()].filter(([client]) => client !== awareness.clientID)
  return states.map(([, { user }]) => personOf(user)).filter((person) => person !== null)
}

/** Checks what a stranger says of themselves. */
function personOf(user: unknown): Person | null {
  const { name, color } = (user ?? {}) as Partial<Record<string, unknown>>
  if (typeof name !== 'string' || typeof color !== 'string' || !/^#[0-9a-f]{6}$/.test(color)) return null
  return { name: name.slice(0, nameLengthMax), color, colorLight: `${color}33` }
}

/** The people who have the document open, and the field for one's own name. */
export function peopleBar(awareness: Awareness, leave: AbortSignal): HTMLElement {
  const list = peopleList(awareness, leave)
  return element(
    'div',
    { class: 'people-bar' },
    list,
    nameField((name) => rename(awareness, name)),
  )
}

/** Avatars of everybody who has the document open, oneself first. */
export function peopleList(awareness: Awareness, leave: AbortSignal): HTMLElement {
  const list = element('ul', { class: 'people', 'aria-label': 'People here', 'data-testid': 'people' })
  let shown = ''
  const render = () => {
    const me = personOf(awareness.getLocalState()?.user)
    const rest = others(awareness)
    const people = JSON.stringify([me, rest])
    // cursors move with every key: the people stay the same
    if (people === shown) return
    shown = people
    const own = me === null ? [] : [avatar(me, `${me.name} (you)`)]
    const all = [...own, ...rest.map((person) => avatar(person, person.name))]
    const hidden = all.length - avatarsMax
    list.replaceChildren(...all.slice(0, avatarsMax), ...(hidden > 0 ? [more(hidden)] : []))
  }
  awareness.on('change', render)
  leave.addEventListener('abort', () => awareness.off('change', render))
  render()
  return list
}

/** The field for one's own name; it is kept in this browser. */
export function nameField(onName?: (name: string) => void): HTMLElement {
  const input = element('input', {
    class: 'name-input',
    'data-testid': 'name-input',
    'aria-label': 'Your name',
    placeholder: 'Your name',
    autocomplete: 'nickname',
    spellcheck: 'false',
    maxlength: String(nameLengthMax),
    value: ownName,
  })
  input.addEventListener('change', () => {
    keepName(input.value.trim())
    input.value = ownName
    onName?.(ownName)
  })
  input.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') input.blur()
  })
  return input
}

function avatar({ name, color }: Person, label: string): HTMLElement {
  const initials = element('span', { 'aria-hidden': 'true' }, initialsOf(name))
  const item = element('li', { class: 'avatar', title: label }, initials, element('span', { class: 'unseen' }, label))
  item.style.setProperty('--person', color)
  return item
}

function more(count: number): HTMLElement {
  return element('li', { class: 'avatar more', title: `${count} more` }, `+${count}`)
}

function initialsOf(name: string): string {
  const words = name.trim().split(/\s+/)
  const letters = words.length > 1 ? [words[0], words.at(-1)] : words
  return letters
    .map((word) => [...(word ?? '')][0] ?? '')
    .join('')
    .toUpperCase()
}
