import type { StatusSource } from '@syncline/client/element'
import { brand } from './brand.js'
import { documentList } from './document-list.js'
import { prefetchEditors } from './document-page.js'
import { addDocument, index } from './documents.js'
import { element } from './dom.js'
import { icon, strata } from './icons.js'
import { liveSection } from './live-section.js'
import { notice } from './notice.js'
import { nameField } from './people.js'
import { changesInTab, onTabStatus } from './relay.js'
import { type Kind, navigate, pathOf } from './router.js'
import { statusLine } from './status.js'

const promise =
  'Everybody types at once, also offline. Where it says “saved”, your words are on the relay’s disk, not in its memory.'

/** The state of the whole tab: documents that were left while offline wait behind this page. */
const tab: StatusSource = {
  get status() {
    return { ...index.status, ...changesInTab() }
  },
  on: (_event, listener) => onTabStatus(listener),
}

/** The page that lists the documents. */
export function startPage(leave: AbortSignal): HTMLElement {
  document.title = 'Syncline'
  index.synced.then(prefetchEditors, () => undefined)
  const bar = element('div', { class: 'bar' }, brand(), statusLine(tab), nameField())
  const hero = element(
    'section',
    { class: 'hero' },
    strata(),
    element('h1', {}, 'Write together. Lose nothing.'),
    element('p', {}, promise),
    element('div', { class: 'actions' }, newButton('text', 'New text'), newButton('code', 'New code'), galleryLink()),
  )
  const main = element('main', {}, hero, liveSection(leave), documentList(leave))
  const top = element('header', { class: 'top' }, bar, notice(index, leave))
  return element('div', { class: 'page start-page' }, top, main)
}

function galleryLink(): HTMLElement {
  return element('a', { class: 'new code', href: '/gallery', 'data-page': true }, icon('gallery'), 'Any editor')
}

function newButton(kind: Kind, label: string): HTMLElement {
  const button = element('button', { type: 'button', class: `new ${kind}`, 'data-testid': `new-${kind}` })
  button.append(icon(kind), label)
  button.addEventListener('click', () => navigate(pathOf(addDocument(kind))))
  return button
}
