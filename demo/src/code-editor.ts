import { defaultKeymap, indentWithTab } from '@codemirror/commands'
import { javascript } from '@codemirror/lang-javascript'
import { bracketMatching, foldGutter, indentOnInput, syntaxHighlighting } from '@codemirror/language'
import { EditorState } from '@codemirror/state'
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from '@codemirror/view'
import { classHighlighter } from '@lezer/highlight'
import type { DocumentHandle } from '@syncline/client'
import { yCollab, yUndoManagerKeymap } from 'y-codemirror.next'
import * as Y from 'yjs'

/** Code by CodeMirror 6 on a Syncline document, with an undo that leaves other people's edits alone. */
export function codeEditor(handle: DocumentHandle, parent: HTMLElement): { view: EditorView; undo: Y.UndoManager } {
  const text = handle.doc.getText('content')
  const undo = new Y.UndoManager(text)
  const view = new EditorView({
    parent,
    doc: text.toString(),
    extensions: [
      yCollab(text, handle.awareness, { undoManager: undo }),
      keymap.of([...yUndoManagerKeymap, ...defaultKeymap, indentWithTab]),
      javascript(),
      syntaxHighlighting(classHighlighter),
      [lineNumbers(), foldGutter(), highlightActiveLine(), drawSelection(), bracketMatching(), indentOnInput()],
      [EditorView.lineWrapping, EditorState.tabSize.of(2), EditorState.allowMultipleSelections.of(true)],
      EditorView.contentAttributes.of({ 'data-testid': 'editor', 'aria-label': 'Code' }),
    ],
  })
  return { view, undo }
}
