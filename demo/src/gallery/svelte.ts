import type { DocumentHandle } from '@syncline/client'
import { mount as mountComponent, unmount } from 'svelte'
import * as Y from 'yjs'
import type { Example } from './example.js'
import List from './ItemList.svelte'

/** A list in Svelte 5. */
export function mount(handle: DocumentHandle, parent: HTMLElement): Example {
  const items = handle.doc.getArray<string>('items')
  const undo = new Y.UndoManager(items)
  const list = mountComponent(List, { target: parent, props: { items } })
  return { undo: () => undo.undo(), redo: () => undo.redo(), destroy: () => void unmount(list) }
}
