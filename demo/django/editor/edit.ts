import { connect } from '@syncline/client'
import '@syncline/client/element'
import { Editor } from '@tiptap/core'
import { Collaboration } from '@tiptap/extension-collaboration'
import { CollaborationCaret } from '@tiptap/extension-collaboration-caret'
import { StarterKit } from '@tiptap/starter-kit'

// An article in Tiptap. The browser sends Django's session cookie to the relay by itself, which asks Django about it.

interface Settings {
  readonly relay: string
  readonly document: string
  readonly name: string
}

const settings = JSON.parse(document.getElementById('settings')!.textContent) as Settings
const handle = connect(settings.relay).open(settings.document)
const colors = ['#b3261e', '#7a4f00', '#1b6b3a', '#005f8a', '#6a3fb5', '#a1286c']
const color = colors[handle.doc.clientID % colors.length]
handle.awareness.setLocalStateField('user', { name: settings.name, color })

let editor = bind()
// what was refused is in another Y.Doc now: the editor goes on with what the relay has
handle.on('replaced', () => {
  editor.destroy()
  editor = bind()
})
handle.on('status', showStatus)
document.querySelector('syncline-status')!.source = handle
showStatus()

function bind(): Editor {
  return new Editor({
    element: document.getElementById('editor')!,
    editable: false,
    extensions: [
      // Yjs has an undo of its own, which leaves other people's edits alone
      StarterKit.configure({ undoRedo: false, trailingNode: false }),
      Collaboration.configure({ document: handle.doc }),
      CollaborationCaret.configure({ provider: handle, user: handle.awareness.getLocalState()?.user, render: caret }),
    ],
    editorProps: { attributes: { 'aria-label': 'Text', 'aria-multiline': 'true', role: 'textbox' } },
  })
}

function showStatus(): void {
  const { access, synced, error } = handle.status
  // nobody types above a text that has not come yet
  const isEditable = access === 'write' && error === null && (synced || editor.isEditable)
  if (editor.isEditable !== isEditable) editor.setEditable(isEditable)
  document.getElementById('problem')!.textContent = error?.reason ?? ''
}

function caret(user: Record<string, unknown>): HTMLElement {
  const mark = document.createElement('span')
  mark.className = 'caret'
  // drawn by the style sheet: a name is no part of the text
  mark.dataset.name = String(user.name).slice(0, 40)
  mark.append('\u2060')
  mark.style.setProperty('--person', String(user.color))
  return mark
}
