import 'quill/dist/quill.snow.css'
import type { DocumentHandle } from '@syncline/client'
import Quill from 'quill'
import QuillCursors from 'quill-cursors'
import { QuillBinding } from 'y-quill'
import * as Y from 'yjs'
import type { Example } from './example.js'

Quill.register('modules/cursors', QuillCursors)

/** Rich text by Quill 2. */
export function mount(handle: DocumentHandle, parent: HTMLElement): Example {
  const text = handle.doc.getText('quill')
  const place = parent.appendChild(document.createElement('div'))
  const run = (what: 'undo' | 'redo') => () => undo[what]() === null
  const quill = new Quill(place, {
    theme: 'snow',
    modules: {
      cursors: { transformOnTextChange: true },
      toolbar: [
        [{ header: [1, 2, false] }],
        ['bold', 'italic', 'underline'],
        [{ list: 'bullet' }, { list: 'ordered' }],
      ],
      history: { maxStack: 0 }, // Yjs has one, which leaves other people's edits alone
      keyboard: {
        bindings: {
          undo: { key: 'z', shortKey: true, shiftKey: false, handler: run('undo') },
          redo: { key: 'z', shortKey: true, shiftKey: true, handler: run('redo') },
        },
      },
    },
  })
  Object.assign(quill.root, { role: 'textbox', ariaMultiLine: 'true', ariaLabel: 'Text' })
  const binding = new QuillBinding(text, quill, handle.awareness)
  const undo = new Y.UndoManager(text, { trackedOrigins: new Set([binding]) })
  return {
    undo: run('undo'),
    redo: run('redo'),
    destroy() {
      binding.destroy()
      undo.destroy()
    },
  }
}
