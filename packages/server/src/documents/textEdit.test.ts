import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { differencesOf, editText } from './textEdit.js'

const words = fc.array(fc.constantFrom('a', 'word', ' ', '\n', '😀', '👩‍👩‍👧', 'é', 'über', '.'), { maxLength: 60 })

describe('a text that shall say something else', () => {
  test('is edited where it differs, and no more', () => {
    expect(differencesOf('the quick brown fox', 'the slow brown dog')).toEqual([
      { at: 4, deleted: 5, inserted: 'slow' },
      { at: 16, deleted: 3, inserted: 'dog' },
    ])
    expect(differencesOf('same', 'same')).toEqual([])
  })

  test('says it, whatever it was', () => {
    fc.assert(
      fc.property(words, words, (before, after) => {
        const text = new Y.Doc().getText()
        text.insert(0, before.join(''))
        editText(text, after.join(''))
        expect(text.toString()).toBe(after.join(''))
      }),
      { numRuns: 500 },
    )
  })

  test('cuts no pair of surrogates', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (before, after) => {
        for (const { at, deleted, inserted } of differencesOf(before, after)) {
          expect(inserted).not.toMatch(/\p{Cs}/u)
          expect(before.slice(at, at + deleted)).not.toMatch(/\p{Cs}/u)
        }
      }),
      { numRuns: 500 },
    )
  })

  test('keeps what is formatted in it', () => {
    const text = new Y.Doc().getText()
    text.insert(0, 'some bold words')
    text.format(5, 4, { bold: true })
    editText(text, 'any bold words here')
    expect(text.toDelta()).toEqual([
      { insert: 'any ' },
      { insert: 'bold', attributes: { bold: true } },
      { insert: ' words here' },
    ])
  })

  test('is replaced as a whole where everything differs, in bounded time', () => {
    const [before, after] = ['a b '.repeat(50_000), 'c d '.repeat(50_000)]
    const start = performance.now()
    expect(differencesOf(before, after).length).toBeLessThan(50_001)
    expect(performance.now() - start).toBeLessThan(5_000)
  })
})
