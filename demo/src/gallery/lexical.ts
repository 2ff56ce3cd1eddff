import { registerRichText } from '@lexical/rich-text'
import type { DocumentHandle } from '@syncline/client'
import { createEditor, mergeRegister, REDO_COMMAND, UNDO_COMMAND } from 'lexical'
import type { Example } from './example.js'
import { bindLexical } from './lexical-binding.js'

/** Rich text by Lexical, without React: with it, `CollaborationPlugin` takes `providerOf(handle)`. */
export function mount(handle: DocumentHandle, parent: HTMLElement): Example {
  const attributes = { contentEditable: 'true', role: 'textbox', ariaLabel: 'Text', ariaMultiLine: 'true' }
  const place = Object.assign(document.createElement('div'), attributes)
  const cursors = Object.assign(document.createElement('div'), { className: 'lexical-cursors' })
  parent.append(place, cursors)
  const theme = { collaboration: { cursor: 'lexical-caret', cursorName: 'lexical-name' } }
  const editor = createEditor({ namespace: 'gallery', theme, onError: console.error })
  editor.setRootElement(place)
  const binding = bindLexical(editor, handle, 'lexical', cursors)
  const run = (what: 'undo' | 'redo') => () => {
    binding.undo[what]()
    return true // Lexical has to do nothing more
  }
  const destroy = mergeRegister(
    registerRichText(editor),
    editor.registerCommand(UNDO_COMMAND, run('undo'), 0),
    editor.registerCommand(REDO_COMMAND, run('redo'), 0),
    binding.destroy,
    () => editor.setRootElement(null),
  )
  return { undo: run('undo'), redo: run('redo'), destroy }
}
