import * as L from '@lexical/yjs'
import type { DocumentHandle } from '@syncline/client'
import { providerOf } from '@syncline/client/provider'
import { BLUR_COMMAND, FOCUS_COMMAND, type LexicalEditor, mergeRegister, SKIP_COLLAB_TAG } from 'lexical'
import * as Y from 'yjs'

/**
 * Joins a Lexical editor without React to a document, as `CollaborationPlugin` does with it.
 *
 * @param root the name of the editor's content in the document
 * @param cursors an element over the editor, which gets other people's cursors
 */
export function bindLexical(editor: LexicalEditor, handle: DocumentHandle, root: string, cursors: HTMLElement) {
  const { doc, awareness } = handle
  const provider = providerOf(handle) as unknown as L.Provider
  const binding = L.createYjsBinding({ editor, id: root, doc, docMap: new Map([[root, doc]]), rootName: root })
  binding.cursorsContainer = cursors
  const shared = binding.root.getSharedType()
  const undo = L.createUndoManager(binding, shared)

  const show = (events: Y.YEvent<Y.Text>[], { origin }: Y.Transaction) => {
    if (origin !== binding) L.syncYjsChangesToLexical(binding, provider, events, origin instanceof Y.UndoManager)
  }
  // what is in the document already; later changes come as events
  binding.root.applyChildrenYjsDelta(binding, shared.toDelta())
  editor.update(() => binding.root.syncChildrenFromYjs(binding), { tag: SKIP_COLLAB_TAG })
  shared.observeDeep(show)

  const user = awareness.getLocalState()?.user
  L.initLocalState(provider, user.name, user.color, false, {})
  awareness.setLocalStateField('user', user)
  const focus = (isHere: boolean) => () => {
    L.setLocalStateFocus(provider, user.name, user.color, isHere, {})
    return false
  }
  const moved = () => L.syncCursorPositions(binding, provider)
  awareness.on('update', moved)
  addEventListener('resize', moved) // cursors lie over the text, where it was

  const destroy = mergeRegister(
    editor.registerUpdateListener((news) => {
      if (news.tags.has(SKIP_COLLAB_TAG)) return
      const { prevEditorState, editorState, dirtyElements, dirtyLeaves, normalizedNodes, tags } = news
      const changed = [dirtyElements, dirtyLeaves, normalizedNodes] as const
      L.syncLexicalUpdateToYjs(binding, provider, prevEditorState, editorState, ...changed, tags)
    }),
    editor.registerCommand(FOCUS_COMMAND, focus(true), 0),
    editor.registerCommand(BLUR_COMMAND, focus(false), 0),
    () => shared.unobserveDeep(show),
    () => awareness.off('update', moved),
    () => removeEventListener('resize', moved),
    () => undo.destroy(),
  )
  return { undo, destroy }
}
