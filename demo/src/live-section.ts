import { element } from './dom.js'
import { icon } from './icons.js'
import { toast } from './toast.js'

const facts = [
  ['Saved is saved', 'A change counts as saved, and is shown to others, once it is on the relay’s disk.'],
  ['Offline is fine', 'Close the tab on a train: what you typed is kept on this device, and sent when you are back.'],
  ['Any editor', 'Whatever binds to Yjs, in any framework, beside clients that you have already.'],
] as const

/** What Syncline does, in three sentences, and two people in this very window who show it. */
export function liveSection(leave: AbortSignal): HTMLElement {
  const list = element(
    'ul',
    { class: 'facts' },
    ...facts.map(([name, text]) => element('li', {}, element('h2', {}, name), element('p', {}, text))),
  )
  const button = element('button', { type: 'button', class: 'show' }, icon('panes'), 'See it live in this window')
  const section = element('section', { class: 'live', 'aria-label': 'What Syncline does' }, list, button)
  button.addEventListener('click', () => {
    button.disabled = true
    import('./gallery/index.js').then(
      ({ sideBySide }) => leave.aborted || show(sideBySide('prosemirror', leave)),
      () => {
        button.disabled = false
        toast('The editor could not be fetched')
      },
    )
  })
  return section

  function show(panes: HTMLElement): void {
    const told = 'Two people, each with a connection of their own. Type on both sides, and take one offline.'
    const about = element('p', { class: 'hint', tabindex: '-1' }, told)
    button.replaceWith(about, panes)
    // the button had the focus
    about.focus()
  }
}
