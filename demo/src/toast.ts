import { element } from './dom.js'

const toastMs = 6_000
const shelf = element('div', { class: 'toasts', role: 'status' })
let timer = 0

/**
 * Says something in passing, with one thing to do about it where there is one. The next takes its place.
 *
 * @returns the button of the action
 */
export function toast(
  text: string,
  action?: { readonly label: string; readonly run: () => void },
): HTMLButtonElement | undefined {
  if (!shelf.isConnected) document.body.append(shelf)
  const note = element('div', { class: 'toast' }, text)
  shelf.replaceChildren(note)
  clearTimeout(timer)
  timer = setTimeout(() => vanish(note), toastMs)
  if (action === undefined) return undefined
  const button = element('button', { type: 'button' }, action.label)
  button.addEventListener('click', () => {
    action.run()
    note.remove()
  })
  note.append(button)
  return button
}

function vanish(note: HTMLElement): void {
  // not from under a person who is about to use it
  if (note.matches(':focus-within')) note.addEventListener('focusout', () => note.remove(), { once: true })
  else note.remove()
}
