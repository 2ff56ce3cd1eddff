import type { DocumentHandle } from '@syncline/client'
import { setTitle, titleLengthMax, titleOf } from './documents.js'
import { element } from './dom.js'

/** The field for a document's title, which everybody shares; the browser's tab has it too. */
export function titleField(handle: DocumentHandle, untitled: string, leave: AbortSignal): HTMLInputElement {
  const field = element('input', {
    class: 'title',
    'aria-label': 'Title',
    placeholder: untitled,
    autocomplete: 'off',
    maxlength: String(titleLengthMax),
  })
  const render = () => {
    const title = titleOf(handle.doc)
    document.title = `${title || untitled} · Syncline`
    if (field.value === title) return
    const { selectionStart, selectionEnd } = field
    field.value = title
    if (field === document.activeElement) field.setSelectionRange(selectionStart, selectionEnd)
  }
  field.addEventListener('input', () => setTitle(handle, field.value))
  field.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') field.blur()
  })
  const meta = handle.doc.getMap('meta')
  meta.observe(render)
  leave.addEventListener('abort', () => meta.unobserve(render))
  render()
  return field
}
