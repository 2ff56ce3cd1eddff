import type { DocumentHandle } from '@syncline/client'
import { useShared } from '@syncline/react'
import { createElement as h, type SubmitEvent, useState } from 'react'
import { createRoot } from 'react-dom/client'
import * as Y from 'yjs'
import type { Example } from './example.js'

function List({ items }: { items: Y.Array<string> }) {
  const shown = useShared(items)
  const [text, setText] = useState('')
  const add = (event: SubmitEvent) => {
    event.preventDefault()
    if (text !== '') items.push([text])
    setText('')
  }
  return h(
    'div',
    { className: 'list' },
    // an item is a word: its place is all that tells it from an equal one
    h('ul', null, ...shown.map((item) => h('li', null, item))),
    h(
      'form',
      { onSubmit: add },
      h('input', {
        'aria-label': 'New item',
        placeholder: 'New item…',
        value: text,
        onChange: (e) => setText(e.target.value),
      }),
      h('button', { type: 'submit' }, 'Add'),
    ),
  )
}

/** A list in React, by the hooks of `@syncline/react`. */
export function mount(handle: DocumentHandle, parent: HTMLElement): Example {
  const items = handle.doc.getArray<string>('items')
  const undo = new Y.UndoManager(items)
  const root = createRoot(parent)
  root.render(h(List, { items }))
  return { undo: () => undo.undo(), redo: () => undo.redo(), destroy: () => root.unmount() }
}
