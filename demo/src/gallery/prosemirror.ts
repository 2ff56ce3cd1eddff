import 'prosemirror-view/style/prosemirror.css'
import type { DocumentHandle } from '@syncline/client'
import { exampleSetup } from 'prosemirror-example-setup'
import { keymap } from 'prosemirror-keymap'
import { schema } from 'prosemirror-schema-basic'
import { EditorState } from 'prosemirror-state'
import { EditorView } from 'prosemirror-view'
import { redo, undo, yCursorPlugin, ySyncPlugin, yUndoPlugin } from 'y-prosemirror'
import type { Example } from './example.js'

/** Rich text by ProseMirror. */
export function mount(handle: DocumentHandle, parent: HTMLElement): Example {
  const view = new EditorView(parent, {
    state: EditorState.create({
      schema,
      plugins: [
        ySyncPlugin(handle.doc.getXmlFragment('prosemirror')),
        yCursorPlugin(handle.awareness),
        yUndoPlugin(),
        keymap({ 'Mod-z': undo, 'Mod-y': redo, 'Mod-Shift-z': redo }),
        // its own history would take back what others typed
        ...exampleSetup({ schema, menuBar: false, history: false }),
      ],
    }),
    dispatchTransaction(this: EditorView, transaction) {
      // y-prosemirror may come once more when all is over
      if (!this.isDestroyed) this.updateState(this.state.apply(transaction))
    },
    attributes: { role: 'textbox', 'aria-multiline': 'true', 'aria-label': 'Text' },
  })
  return {
    undo: () => undo(view.state),
    redo: () => redo(view.state),
    destroy: () => view.destroy(),
  }
}
