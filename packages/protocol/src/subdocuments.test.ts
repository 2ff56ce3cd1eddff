import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { parentOf, subdocumentName } from './subdocuments.js'

test('what Yjs calls a subdocument belongs to its parent', () => {
  const { guid } = new Y.Doc()
  expect(parentOf(subdocumentName('notes', guid))).toBe('notes')
  expect(parentOf(subdocumentName('notes/today', guid))).toBe('notes/today')
  expect(parentOf(subdocumentName(subdocumentName('notes', guid), guid))).toBe(`notes/${guid}`)
})

test.each([
  'notes',
  'notes/today',
  'notes/6f1d9c0e-0000-4000-8000-0000000000', // too short
  'notes/6f1d9c0e-0000-4000-8000-0000000000001', // too long
  'notes/6F1D9C0E-0000-4000-8000-000000000001', // Yjs writes small letters
  'notes/6f1d9c0e-0000-4000-8000-000000000001/',
  'notes/x6f1d9c0e-0000-4000-8000-000000000001',
  'notes-6f1d9c0e-0000-4000-8000-000000000001',
  '6f1d9c0e-0000-4000-8000-000000000001',
  '/6f1d9c0e-0000-4000-8000-000000000001', // of a document without a name
])('%s belongs to nobody', (name) => {
  expect(parentOf(name)).toBeNull()
})
