import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { holds } from './holds.js'

test('a replica holds an update when it has all its inserts and all its deletes', () => {
  const author = new Y.Doc()
  const updates: Uint8Array[] = []
  author.on('update', (update: Uint8Array) => updates.push(update))
  const text = author.getText()
  text.insert(0, 'abcdef')
  text.insert(6, 'g')
  text.delete(2, 3)

  const reader = new Y.Doc()
  const seen = () => updates.map((update) => holds(reader, Y.decodeUpdate(update)))
  expect(seen()).toEqual([false, false, false])
  Y.applyUpdate(reader, updates[0]!)
  expect(seen()).toEqual([true, false, false])
  Y.applyUpdate(reader, updates[1]!)
  expect(seen()).toEqual([true, true, false])
  Y.applyUpdate(reader, updates[2]!)
  expect(seen()).toEqual([true, true, true])
})
