import type { DocumentHandle } from '@syncline/client'
import { codeEditor } from '../code-editor.js'
import type { Example } from './example.js'

/** Code by CodeMirror 6. */
export function mount(handle: DocumentHandle, parent: HTMLElement): Example {
  const { view, undo } = codeEditor(handle, parent)
  return {
    undo: () => undo.undo(),
    redo: () => undo.redo(),
    destroy() {
      view.destroy()
      undo.destroy()
    },
  }
}
