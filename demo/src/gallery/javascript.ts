import type { DocumentHandle } from '@syncline/client'
import * as Y from 'yjs'
import { element } from '../dom.js'
import type { Example } from './example.js'

/** A list without any framework. The pages of React, Vue and Svelte show the same one. */
export function mount(handle: DocumentHandle, parent: HTMLElement): Example {
  const items = handle.doc.getArray<string>('items')
  const undo = new Y.UndoManager(items)
  const list = element('ul')
  const field = element('input', { 'aria-label': 'New item', placeholder: 'New item…' })
  const form = element('form', {}, field, element('button', {}, 'Add'))
  parent.append(element('div', { class: 'list' }, list, form))

  form.addEventListener('submit', (event) => {
    event.preventDefault()
    if (field.value !== '') items.push([field.value])
    field.value = ''
  })
  const render = () => {
    list.replaceChildren(...items.map((item) => element('li', {}, item)))
  }
  items.observe(render)
  render()
  return { undo: () => undo.undo(), redo: () => undo.redo(), destroy: () => items.unobserve(render) }
}
