import { brand } from './brand.js'
import { element } from './dom.js'

/** The page for an address at which there can be no document, with the reason and a way back. */
export function lostPage(reason: string): HTMLElement {
  document.title = 'Nothing here · Syncline'
  const back = element('a', { class: 'new', href: '/', 'data-page': true }, 'All documents')
  return element(
    'div',
    { class: 'page lost-page' },
    element('header', { class: 'top' }, element('div', { class: 'bar' }, brand())),
    element('main', {}, element('h1', {}, 'This address leads nowhere'), element('p', {}, reason), back),
  )
}
