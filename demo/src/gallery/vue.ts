import type { DocumentHandle } from '@syncline/client'
import { createApp, markRaw } from 'vue'
import * as Y from 'yjs'
import type { Example } from './example.js'
import List from './ItemList.vue'

/** A list in Vue 3. */
export function mount(handle: DocumentHandle, parent: HTMLElement): Example {
  // a proxy of Vue's around a Yjs type would not be that type
  const items = markRaw(handle.doc.getArray<string>('items'))
  const undo = new Y.UndoManager(items)
  const app = createApp(List, { items })
  app.mount(parent)
  return { undo: () => undo.undo(), redo: () => undo.redo(), destroy: () => app.unmount() }
}
