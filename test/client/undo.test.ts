import { type DocumentHandle, memoryStore } from '@syncline/client'
import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { until, within } from '../support/until.js'
import { join, startRelay } from './world.js'

const textOf = ({ doc }: DocumentHandle) => doc.getText('text')

/** Waits until all read the same text. */
async function agree(text: string, ...handles: readonly DocumentHandle[]): Promise<void> {
  const seen = () => handles.map((handle) => textOf(handle).toString())
  await until(`all to read “${text}”`, () => seen().every((each) => each === text), { seen })
}

/** An edit as an editor makes it: in a transaction whose origin is that editor. */
function edit(handle: DocumentHandle, origin: unknown, change: (text: Y.Text) => void): void {
  handle.doc.transact(() => change(textOf(handle)), origin)
}

test('undo takes back one’s own edits alone, also those that were made offline, and redo makes them again', async () => {
  const relay = await startRelay()
  const [adas, bos] = [join(relay), join(relay)]
  const [ada, bo] = [adas.open('page'), bos.open('page')]
  const undo = new Y.UndoManager(textOf(ada), { trackedOrigins: new Set(['editor']), captureTimeout: 0 })
  edit(ada, 'editor', (text) => text.insert(0, 'ada '))
  await agree('ada ', ada, bo)
  edit(bo, 'editor', (text) => text.insert(4, 'bo ')) // the same origin, elsewhere
  await agree('ada bo ', ada, bo)
  edit(ada, 'importer', (text) => text.insert(7, 'import ')) // here, but not by the editor
  await agree('ada bo import ', ada, bo)

  adas.goOffline()
  edit(ada, 'editor', (text) => text.insert(0, 'alone '))
  edit(bo, 'editor', (text) => text.insert(0, 'meanwhile '))
  await within('the save', bo.saved())
  adas.goOnline()
  await within('the save', ada.saved())
  await until('equal texts', () => textOf(ada).toString() === textOf(bo).toString())

  undo.undo()
  await agree('meanwhile ada bo import ', ada, bo)
  undo.undo()
  await agree('meanwhile bo import ', ada, bo)
  expect(undo.undo()).toBeNull()
  undo.redo()
  await agree('meanwhile ada bo import ', ada, bo)
})

test('a relative position stays with its letter over a lost connection, other people’s edits and a reload', async () => {
  const relay = await startRelay()
  const store = memoryStore()
  const [adas, bo] = [join(relay, { store }), join(relay).open('page')]
  const ada = adas.open('page')
  textOf(ada).insert(0, 'one two three')
  await agree('one two three', ada, bo)
  const position = Y.createRelativePositionFromTypeIndex(textOf(ada), 4) // before “two”
  const stored = JSON.stringify(position)
  const indexIn = ({ doc }: DocumentHandle) =>
    Y.createAbsolutePositionFromRelativePosition(Y.createRelativePositionFromJSON(JSON.parse(stored)), doc)?.index

  adas.goOffline()
  textOf(ada).insert(0, '> ')
  textOf(bo).insert(0, 'zero ')
  await within('the save', bo.saved())
  expect(indexIn(ada)).toBe(6)
  adas.goOnline()
  await within('the save', ada.saved())
  await until('equal texts', () => textOf(ada).toString() === textOf(bo).toString())
  for (const handle of [ada, bo]) expect(textOf(handle).toString().slice(indexIn(handle))).toBe('two three')

  await adas.close()
  const later = join(relay, { store, online: false }).open('page')
  await later.loaded
  expect(textOf(later).toString().slice(indexIn(later))).toBe('two three')
})
