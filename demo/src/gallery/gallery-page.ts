import { brand } from '../brand.js'
import { element } from '../dom.js'
import { nameField } from '../people.js'
import { groups, type Page } from './pages.js'

const about =
  'Each is a page of a few lines that you can copy. Open one in two windows, or side by side in one, and type.'

/** The page that lists what Syncline has been tried with. */
export function galleryPage(): HTMLElement {
  document.title = 'Gallery · Syncline'
  const sections = groups.map(({ title, pages }) =>
    element(
      'section',
      { class: 'gallery-group' },
      element('h2', {}, title),
      element('ul', { class: 'gallery' }, ...pages.map(tile)),
    ),
  )
  return element(
    'div',
    { class: 'page start-page' },
    element('header', { class: 'top' }, element('div', { class: 'bar' }, brand(), nameField())),
    element(
      'main',
      {},
      element('div', { class: 'gallery-head' }, element('h1', {}, 'Any editor'), element('p', {}, about)),
      ...sections,
    ),
  )
}

function tile({ id, title, about }: Page): HTMLElement {
  const link = element('a', { class: 'tile-link', href: `/gallery/${id}`, 'data-page': true }, title)
  const both = element(
    'a',
    { class: 'tile-both', href: `/gallery/${id}/side-by-side`, 'data-page': true },
    'Side by side',
  )
  both.setAttribute('aria-label', `${title}, side by side`)
  return element('li', {}, link, element('p', {}, about), both)
}
