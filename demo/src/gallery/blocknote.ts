import '@blocknote/core/fonts/inter.css'
import '@blocknote/mantine/style.css'
import type { BlockNoteEditor } from '@blocknote/core'
import { BlockNoteView } from '@blocknote/mantine'
import { useCreateBlockNote } from '@blocknote/react'
import type { DocumentHandle } from '@syncline/client'
import { createElement, useEffect } from 'react'
import { createRoot } from 'react-dom/client'
import { defaultDeleteFilter, yUndoPluginKey } from 'y-prosemirror'
import type { Item } from 'yjs'
import type { Example } from './example.js'

type Made = (editor: BlockNoteEditor) => void

function Blocks({ handle, made }: { handle: DocumentHandle; made: Made }) {
  const editor = useCreateBlockNote({
    collaboration: {
      fragment: handle.doc.getXmlFragment('blocknote'),
      provider: handle, // it needs the awareness only
      user: handle.awareness.getLocalState()?.user,
      showCursorLabels: 'always',
    },
    domAttributes: { editor: { 'aria-label': 'Text' } },
  })
  useEffect(() => made(editor), [editor, made])
  // its types are not made for TypeScript's exactOptionalPropertyTypes
  return createElement(BlockNoteView, { editor: editor as never })
}

// whoever types first makes the blocks around everything: to take back one's first words must not take what is in them
const kept = new Set(['blockGroup', 'blockContainer', 'paragraph'])

/** Blocks by BlockNote, with React. */
export function mount(handle: DocumentHandle, parent: HTMLElement): Example {
  let editor: BlockNoteEditor | null = null
  const made: Made = (it) => {
    editor = it
    const undoManager = yUndoPluginKey.getState(it.prosemirrorState)?.undoManager
    if (undoManager) undoManager.deleteFilter = (item: Item) => defaultDeleteFilter(item, kept)
  }
  const root = createRoot(parent)
  root.render(createElement(Blocks, { handle, made }))
  return {
    undo: () => editor?.undo(),
    redo: () => editor?.redo(),
    destroy: () => root.unmount(),
  }
}
