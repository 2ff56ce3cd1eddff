import { registerRichText } from '@lexical/rich-text'
import * as L from '@lexical/yjs'
import type { DocumentHandle } from '@syncline/client'
import { providerOf } from '@syncline/client/provider'
import {
  BLUR_COMMAND,
  createEditor,
  FOCUS_COMMAND,
  mergeRegister,
  REDO_COMMAND,
  SKIP_COLLAB_TAG,
  UNDO_COMMAND,
} from 'lexical'
import * as Y from 'yjs'
import type { Example } from './example.js'

/** Rich text by Lexical, without React: with it, `CollaborationPlugin` takes `providerOf(handle)`. */
export function mount(handle: DocumentHandle, parent: HTMLElement): Example {
  const { doc, awareness } = handle
  const provider = providerOf(handle) as unknown as L.Provider
  const place = Object.assign(document.createElement('div'), {
    contentEditable: 'true',
    ariaLabel: 'Text',
    role: 'textbox',
  })
  const cursors = Object.assign(document.createElement('div'), { className: 'lexical-cursors' })
  parent.append(place, cursors)
  const editor = createEditor({ namespace: 'gallery', onError: console.error })
  editor.setRootElement(place)
  const binding = L.createYjsBinding({
    editor,
    id: 'lexical',
    doc,
    docMap: new Map([['lexical', doc]]),
    rootName: 'lexical',
  })
  binding.cursorsContainer = cursors
  const shared = binding.root.getSharedType()
  const user = awareness.getLocalState()?.user
  L.initLocalState(provider, user.name, user.color, false, {})
  awareness.setLocalStateField('user', user)
  const show = (events: Y.YEvent<Y.Text>[], { origin }: Y.Transaction) => {
    if (origin !== binding) L.syncYjsChangesToLexical(binding, provider, events, origin instanceof Y.UndoManager)
  }
  // what is in the document already; later changes come as events
  binding.root.applyChildrenYjsDelta(binding, shared.toDelta())
  editor.update(() => binding.root.syncChildrenFromYjs(binding), { tag: SKIP_COLLAB_TAG })
  shared.observeDeep(show)
  const moved = () => L.syncCursorPositions(binding, provider)
  awareness.on('update', moved)
  addEventListener('resize', moved) // cursors lie over the text, where it was
  const undo = L.createUndoManager(binding, shared)
  const focus = (isHere: boolean) => () => {
    L.setLocalStateFocus(provider, user.name, user.color, isHere, {})
    return false
  }
  const run = (what: 'undo' | 'redo') => () => undo[what]() !== null || true
  const stop = mergeRegister(
    registerRichText(editor),
    editor.registerUpdateListener(
      ({ prevEditorState, editorState, dirtyElements, dirtyLeaves, normalizedNodes, tags }) => {
        if (tags.has(SKIP_COLLAB_TAG)) return
        L.syncLexicalUpdateToYjs(
          binding,
          provider,
          prevEditorState,
          editorState,
          dirtyElements,
          dirtyLeaves,
          normalizedNodes,
          tags,
        )
      },
    ),
    editor.registerCommand(FOCUS_COMMAND, focus(true), 0),
    editor.registerCommand(BLUR_COMMAND, focus(false), 0),
    editor.registerCommand(UNDO_COMMAND, run('undo'), 0),
    editor.registerCommand(REDO_COMMAND, run('redo'), 0),
    () => shared.unobserveDeep(show),
    () => awareness.off('update', moved),
    () => removeEventListener('resize', moved),
    () => editor.setRootElement(null),
  )
  return { undo: run('undo'), redo: run('redo'), destroy: stop }
}
