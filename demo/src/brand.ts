import { element } from './dom.js'

// the build gives it a name with a hash: once fetched, it is there without the relay
const picture = new URL('./icon.svg', import.meta.url).href

/** The product's sign, which leads to the start page. */
export function brand(): HTMLElement {
  const sign = element('img', { src: picture, alt: '', width: '28', height: '28' })
  return element('a', { class: 'brand', href: '/', 'data-page': true }, sign, 'Syncline')
}
