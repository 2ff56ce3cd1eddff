import type { DocumentHandle } from '@syncline/client'
import * as Y from 'yjs'
import { element } from '../dom.js'
import type { Example } from './example.js'
import { formView } from './form-view.js'
import { showText, typeInto } from './text-field.js'

/** A form: what one types is a Y.Text for each field, so that two may type in one; what one chooses is a value in a Y.Map. */
export function mount(handle: DocumentHandle, parent: HTMLElement): Example {
  const { doc, awareness } = handle
  const form = parent.appendChild(element('form', { class: 'entry', autocomplete: 'off' }))
  const fields = formView(form)
  const choices = doc.getMap<string | boolean>('form')
  const texts = new Map(fields.texts.map((field) => [field, doc.getText(`form.${field.name}`)]))
  const undo = new Y.UndoManager([choices, ...texts.values()], { trackedOrigins: new Set([form]) })

  form.addEventListener('input', ({ target }) => {
    const text = texts.get(target as HTMLInputElement)
    if (text) return doc.transact(() => typeInto(text, (target as HTMLInputElement).value), form)
    const { name, type, value, checked } = target as HTMLInputElement
    doc.transact(() => choices.set(name, type === 'checkbox' ? checked : value), form)
  })
  // the browser's own undo knows nothing of what others typed
  form.addEventListener('keydown', (event) => {
    const key = event.ctrlKey || event.metaKey ? event.key.toLowerCase() : ''
    if (key !== 'z' && key !== 'y') return
    event.preventDefault()
    if (key === 'y' || event.shiftKey) undo.redo()
    else undo.undo()
  })
  const render = (event?: Y.YTextEvent) => {
    for (const [field, text] of texts) showText(field, text.toString(), event?.target === text ? event.delta : [])
    for (const field of fields.choices) fields.choose(field, choices.get(field.name))
  }
  const renderAll = () => render()
  choices.observe(renderAll)
  for (const text of texts.values()) text.observe(render)

  // who is at which field
  form.addEventListener('focusin', ({ target }) =>
    awareness.setLocalStateField('field', (target as HTMLInputElement).name),
  )
  form.addEventListener('focusout', () => awareness.setLocalStateField('field', null))
  const point = () => fields.showPeople([...awareness.getStates()].filter(([client]) => client !== awareness.clientID))
  awareness.on('change', point)
  render()
  point()
  return {
    undo: () => undo.undo(),
    redo: () => undo.redo(),
    destroy() {
      awareness.off('change', point)
      choices.unobserve(renderAll)
      for (const text of texts.values()) text.unobserve(render)
    },
  }
}
