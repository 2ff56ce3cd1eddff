import { expect, test } from 'vitest'
import { rehearse } from './rehearsal.js'

test('a relay can read the document that it rehearses with', () => {
  expect(rehearse).not.toThrow()
})
