import type { DocumentHandle } from '@syncline/client'
import { Editor } from '@tiptap/core'
import { Collaboration } from '@tiptap/extension-collaboration'
import { CollaborationCaret } from '@tiptap/extension-collaboration-caret'
import { StarterKit } from '@tiptap/starter-kit'

/** Rich text by Tiptap on a Syncline document. */
export function textEditor(handle: DocumentHandle, parent: HTMLElement): Editor {
  return new Editor({
    element: parent,
    extensions: [
      // Yjs has an undo of its own, which leaves other people's edits alone; a trailing node would be one from everybody
      StarterKit.configure({ undoRedo: false, trailingNode: false, link: { openOnClick: false } }),
      Collaboration.configure({ document: handle.doc, field: 'content' }),
      CollaborationCaret.configure({
        provider: handle,
        user: handle.awareness.getLocalState()?.user,
        render: caret,
        selectionRender: ({ color }) => ({ class: 'peer-selection', style: `--person-light: ${color}33` }),
      }),
    ],
    editorProps: {
      attributes: { 'data-testid': 'editor', 'aria-label': 'Text', 'aria-multiline': 'true', role: 'textbox' },
    },
  })
}

function caret(user: Record<string, unknown>): HTMLElement {
  const mark = document.createElement('span')
  mark.className = 'caret'
  // drawn by the style sheet: a name is no part of the text
  mark.dataset.name = String(user.name).slice(0, 40)
  // an empty element that can't be edited stops Chromium's End key: a word joiner is no text that one sees
  mark.append('\u2060')
  mark.style.setProperty('--person', String(user.color))
  return mark
}
