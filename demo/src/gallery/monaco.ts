import 'monaco-editor/esm/vs/basic-languages/javascript/javascript.contribution.js'
import 'monaco-editor/esm/vs/editor/edcore.main.js'
import type { DocumentHandle } from '@syncline/client'
import * as monaco from 'monaco-editor/esm/vs/editor/editor.api.js'
import EditorWorker from 'monaco-editor/esm/vs/editor/editor.worker.js?worker'
import { MonacoBinding } from 'y-monaco'
import * as Y from 'yjs'
import type { Example } from './example.js'
import { remoteCursorStyles } from './remote-cursor-styles.js'

self.MonacoEnvironment = { getWorker: () => new EditorWorker() }

/** Code by Monaco, the editor of VS Code. */
export function mount(handle: DocumentHandle, parent: HTMLElement): Example {
  const text = handle.doc.getText('monaco')
  const dark = matchMedia('(prefers-color-scheme: dark)')
  const themeNow = () => (dark.matches ? 'vs-dark' : 'vs')
  const editor = monaco.editor.create(parent, {
    value: text.toString(),
    language: 'javascript',
    theme: themeNow(),
    ariaLabel: 'Code',
    automaticLayout: true,
    minimap: { enabled: false },
    padding: { top: 28 },
    fontSize: 14,
    renderFinalNewline: 'on', // the number of an empty last line is too faint to read otherwise
  })
  const model = editor.getModel()!
  model.setEOL(monaco.editor.EndOfLineSequence.LF) // Yjs counts a line break as one character
  const binding = new MonacoBinding(text, model, new Set([editor]), handle.awareness)
  const undo = new Y.UndoManager(text, { trackedOrigins: new Set([binding]) })
  const stopStyles = remoteCursorStyles(handle.awareness)
  const retheme = () => monaco.editor.setTheme(themeNow())
  dark.addEventListener('change', retheme)
  // Monaco's own undo would take back what others typed
  const { CtrlCmd, Shift } = monaco.KeyMod
  editor.addCommand(CtrlCmd | monaco.KeyCode.KeyZ, () => undo.undo())
  editor.addCommand(CtrlCmd | Shift | monaco.KeyCode.KeyZ, () => undo.redo())
  editor.addCommand(CtrlCmd | monaco.KeyCode.KeyY, () => undo.redo())
  return {
    undo: () => undo.undo(),
    redo: () => undo.redo(),
    destroy() {
      dark.removeEventListener('change', retheme)
      stopStyles()
      undo.destroy()
      model.dispose()
      editor.dispose()
    },
  }
}
