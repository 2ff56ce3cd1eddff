import { expect, test } from 'vitest'
import { counted, printable, printableJson } from './terminal.js'

test('what a terminal would obey is shown, not obeyed', () => {
  expect(printable('red \u001b[31m, \u009b31m, \r\n')).toBe('red \\u{1b}[31m, \\u{9b}31m, \\u{d}\\u{a}')
  expect(printable('a\u202egnp.exe \u2028 \ud800 \ufeff')).toBe('a\\u{202e}gnp.exe \\u{2028} \\u{d800} \\u{feff}')
  expect(printable('Zoë 👩‍👩‍👧 漢字')).toBe('Zoë 👩‍👩‍👧 漢字')
})

test('JSON says the same without it', () => {
  const value = { 'a\u009b': ['\u001b', '\u007f\u202e', '\ud800', 'Zoë 👩‍👩‍👧'] }
  for (const indent of [0, 2]) {
    const text = printableJson(value, indent)
    expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u202e]/u)
    expect(JSON.parse(text)).toEqual(value)
  }
})

test('things are counted', () => {
  expect([counted(1, 'document'), counted(0, 'byte'), counted(1_234_567, 'byte')]).toEqual([
    '1 document',
    '0 bytes',
    '1,234,567 bytes',
  ])
})
