import { element } from './dom.js'

/** The product's sign, which leads to the start page. */
export function brand(): HTMLElement {
  const sign = element('img', { src: '/icon.svg', alt: '', width: '28', height: '28' })
  return element('a', { class: 'brand', href: '/', 'data-page': true }, sign, 'Syncline')
}
