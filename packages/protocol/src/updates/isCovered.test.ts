import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { defaultLimits } from '../limits.js'
import { admitUpdate, isCovered } from './admit.js'
import { Coverage } from './coverage.js'

test('a log covers what it has admitted, whole or in part, and nothing of what is new', () => {
  const doc = new Y.Doc()
  const updates: Uint8Array[] = []
  doc.on('update', (update) => updates.push(update))
  const text = doc.getText()
  text.insert(0, 'some words')
  text.insert(4, ' more')
  text.delete(2, 5)
  text.insert(0, 'and ')
  const coverage = new Coverage()
  const covered = (update: Uint8Array) => isCovered(coverage, update, defaultLimits)
  for (const update of updates) {
    expect(covered(update)).toBe(false)
    admitUpdate(coverage, update, defaultLimits)
    expect(covered(update)).toBe(true)
  }
  expect(covered(Y.encodeStateAsUpdate(doc))).toBe(true)
  expect(covered(Uint8Array.of(0, 0))).toBe(true)
  text.delete(0, 1)
  expect(covered(Y.encodeStateAsUpdate(doc))).toBe(false)
  expect(() => covered(Uint8Array.of(1))).toThrow(expect.objectContaining({ code: 'malformed_update' }))
})
