import type { DocumentHandle } from '@syncline/client'
import { textEditor } from '../text-editor.js'
import type { Example } from './example.js'

/** Rich text by Tiptap 3. */
export function mount(handle: DocumentHandle, parent: HTMLElement): Example {
  const editor = textEditor(handle, parent)
  return {
    undo: () => editor.commands.undo(),
    redo: () => editor.commands.redo(),
    destroy: () => editor.destroy(),
  }
}
