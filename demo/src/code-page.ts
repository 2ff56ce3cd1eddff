import { Compartment, EditorState, StateEffect } from '@codemirror/state'
import { EditorView } from '@codemirror/view'
import type { DocumentHandle } from '@syncline/client'
import { codeEditor } from './code-editor.js'
import { element } from './dom.js'
import type { Mounted } from './mounted.js'
import { toolbar } from './toolbar.js'

/** Shows code with its toolbar. */
export function mount(handle: DocumentHandle, parent: HTMLElement, leave: AbortSignal): Mounted {
  const sheet = element('div', { class: 'sheet code' })
  const { view, undo } = codeEditor(handle, sheet)
  const access = new Compartment()
  view.dispatch({ effects: StateEffect.appendConfig.of(access.of([])) })

  const { bar, refresh } = toolbar('Editing', [
    [
      { label: 'Undo', face: 'undo', run: () => undo.undo(), enabled: () => undo.canUndo() },
      { label: 'Redo', face: 'redo', run: () => undo.redo(), enabled: () => undo.canRedo() },
    ],
  ])
  const hint = element(
    'p',
    { class: 'hint' },
    'JavaScript',
    element('span', { class: 'keys' }, ' · Tab indents; Esc, then Tab leaves the editor'),
  )
  bar.append(hint)
  for (const event of ['stack-item-added', 'stack-item-popped', 'stack-cleared'] as const) undo.on(event, refresh)

  leave.addEventListener('abort', () => {
    view.destroy()
    undo.destroy()
  })
  parent.append(bar, sheet)
  return {
    focus: () => view.focus(),
    setEditable: (editable) =>
      view.dispatch({
        effects: access.reconfigure([EditorState.readOnly.of(!editable), EditorView.editable.of(editable)]),
      }),
  }
}
