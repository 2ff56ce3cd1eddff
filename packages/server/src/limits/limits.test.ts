import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { defaultRelayLimits, limitsWith } from './limits.js'

describe('the table of the README', () => {
  const page = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const rows = [...page.matchAll(/^\| `(\w+)` \| ([\d,]+)( [KM]iB)?(?:\/s)? \|/gm)]
  const units: { readonly [unit in string]?: number } = { ' KiB': 2 ** 10, ' MiB': 2 ** 20 }

  test('has every limit with its default', () => {
    const told = rows.map(([, name, number, unit = '']) => [
      name!,
      Number(number!.replaceAll(',', '')) * (units[unit] ?? 1),
    ])
    expect(Object.fromEntries(told)).toEqual(defaultRelayLimits)
  })
})

describe('changes of limits', () => {
  test('leave all others as they are', () => {
    const { documentSessionsMax, ...others } = limitsWith({ documentSessionsMax: 7 })
    expect(documentSessionsMax).toBe(7)
    expect(others).toEqual({ ...defaultRelayLimits, documentSessionsMax: undefined, ...others })
  })

  test.each<[object]>([
    [{ toString: 1 }],
    [{ frames: 1 }],
    [{ nameBytesMax: 0 }],
    [{ nameBytesMax: 1.5 }],
    [{ nameBytesMax: Number.NaN }],
  ])('%j makes no sense', (changes) => {
    expect(() => limitsWith(changes)).toThrow(expect.objectContaining({ code: 'invalid_option' }))
  })
})
