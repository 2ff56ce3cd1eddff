import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { openDoc } from '../../../../test/support/sessions.js'
import { defaultLimits } from '../limits.js'
import { admitUpdate, Coverage, differenceFrom, emptyStateVector, mergeUpdates } from './index.js'

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
const hex = (update: Uint8Array | null) => update && Buffer.from(update).toString('hex')
const plain = (text: string) => text.replaceAll(' ', '')

/** A log that takes updates, and what it has. */
class Log {
  readonly coverage = new Coverage()
  readonly taken: Uint8Array[] = []

  offer(update: Uint8Array | string): { update: string | null; complete: boolean } {
    const given = typeof update === 'string' ? bytes(update) : update
    const admission = admitUpdate(this.coverage, given, defaultLimits)
    if (admission.update) this.taken.push(admission.update)
    return { update: hex(admission.update), complete: admission.complete }
  }

  get vector(): Record<string, number> {
    return Object.fromEntries(this.coverage.stateVector())
  }
}

/** Updates of one author, one for each edit. */
function edits(clientID: number, ...steps: ((text: Y.Text) => void)[]): Uint8Array[] {
  const doc = openDoc({ gc: false, clientID })
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  for (const step of steps) step(doc.getText('text'))
  return updates
}

/** A string of client `client` at `clock` after an origin, each two bytes of hex. */
const section = (client: string, clock: string, origin: string) => `01 ${client} ${clock} 84 ${origin} 01 61`

describe('typing', () => {
  const [hello, world, gone] = edits(
    7,
    (text) => text.insert(0, 'hello'),
    (text) => text.insert(5, ' world'),
    (text) => text.delete(0, 3),
  ) as [Uint8Array, Uint8Array, Uint8Array]

  test('is taken as it is: the same bytes, not a copy', () => {
    const coverage = new Coverage()
    for (const update of [hello, world, gone]) {
      expect(admitUpdate(coverage, update, defaultLimits)).toEqual({ update, complete: true })
      expect(admitUpdate(coverage, update, defaultLimits)).toEqual({ update: null, complete: true })
    }
    const again = new Coverage()
    expect(admitUpdate(again, hello, defaultLimits).update).toBe(hello)
  })

  test('out of a larger buffer is read at its place', () => {
    const frame = new Uint8Array(hello.length + 20).fill(0xff)
    frame.set(hello, 7)
    const log = new Log()
    expect(log.offer(frame.subarray(7, 7 + hello.length))).toEqual({ update: hex(hello), complete: true })
  })

  test('before what comes before it is left out', () => {
    const log = new Log()
    expect(log.offer(world)).toEqual({ update: null, complete: false })
    expect(log.offer(gone)).toEqual({ update: null, complete: false })
    log.offer(hello)
    expect(log.offer(world).complete).toBe(true)
    expect(log.offer(gone).complete).toBe(true)
    expect(log.vector).toEqual({ 7: 11 })
  })

  test('that is known in part is cut', () => {
    const log = new Log()
    log.offer(hello)
    log.offer(gone)
    const all = mergeUpdates([hello, world, gone])
    expect(log.offer(all)).toEqual({
      update: hex(Y.diffUpdate(world, Y.encodeStateVectorFromUpdate(hello))),
      complete: true,
    })
  })

  test('that contains nothing is dropped', () => {
    expect(new Log().offer('00 00')).toEqual({ update: null, complete: true })
    expect(new Log().offer('01 01 02 00 0a 03 00')).toEqual({ update: null, complete: true })
  })
})

describe('a Skip', () => {
  test('is a gap: what comes before it is taken, and so are other clients', () => {
    const log = new Log()
    const update = '02 03 05 00 00 02 0a 03 00 01 01 03 00 00 04 00'
    expect(log.offer(update)).toEqual({ update: plain('02 01 05 00 00 02 01 03 00 00 04 00'), complete: false })
    expect(log.vector).toEqual({ 3: 4, 5: 2 })
  })

  test('over what the log has is none', () => {
    const log = new Log()
    log.offer('01 01 05 00 00 05 00')
    const update = '01 03 05 00 00 02 0a 03 00 01 00'
    expect(log.offer(update)).toEqual({ update: plain('01 01 05 05 00 01 00'), complete: true })
  })

  test('that the log has in part is a gap', () => {
    const log = new Log()
    log.offer('01 01 05 00 00 04 00')
    expect(log.offer('01 03 05 00 00 02 0a 03 00 01 00')).toEqual({ update: null, complete: false })
  })

  test('with nothing behind it hides nothing', () => {
    const log = new Log()
    expect(log.offer('01 02 05 00 00 02 0a 03 00')).toEqual({ update: plain('01 01 05 00 00 02 00'), complete: true })
  })
})

describe('sections of several clients', () => {
  test('may refer to each other, back and forth', () => {
    // 9:0 ← 4:0 ← 9:1 ← 4:1, in sections where each struct comes with those of its client
    const update = `02 02 09 00 04 01 01 74 01 61 84 04 00 01 61 02 04 00 84 09 00 01 61 84 09 01 01 61 00`
    expect(new Log().offer(update)).toEqual({ update: plain(update), complete: true })
  })

  test('may refer to what comes right before a hole', () => {
    // 9:0 stands before 4:0, after which 4:1 is missing
    const [nine, four] = ['01 09 00 44 04 00 01 61', '04 00 04 01 01 74 01 61']
    const taken = plain(`02 ${nine} 01 ${four} 00`)
    expect(new Log().offer(`02 ${nine} 03 ${four} 0a 01 84 04 01 01 61 00`)).toEqual({ update: taken, complete: false })
  })

  test('that refer to each other in a circle are left out, and those that build on them', () => {
    const circle = `${section('09', '00', '04 00')} ${section('04', '00', '09 00')}`
    expect(new Log().offer(`02 ${circle} 00`)).toEqual({ update: null, complete: false })
    const log = new Log()
    const others = `${section('02', '00', '04 00')} 01 01 00 00 07`
    expect(log.offer(`04 ${circle} ${others} 00`)).toEqual({ update: plain('01 01 01 00 00 07 00'), complete: false })
  })

  test('are taken up to what is missing', () => {
    const log = new Log()
    // 9:0 stands alone, 9:1 refers to 4:0, which refers to 8:0, which nobody has; 3:0 refers to 9:0
    const update = `03 02 09 00 00 01 84 04 00 01 61 ${section('04', '00', '08 00')} ${section('03', '00', '09 00')} 00`
    const taken = `02 01 09 00 00 01 ${section('03', '00', '09 00')} 00`
    expect(log.offer(update)).toEqual({ update: plain(taken), complete: false })
    expect(log.vector).toEqual({ 3: 1, 9: 1 })
  })

  test('wait for a right origin and for a parent as well', () => {
    for (const reference of ['44 08 00 01 61', '04 00 08 00 01 61']) {
      const log = new Log()
      expect(log.offer(`01 01 02 00 ${reference} 00`)).toEqual({ update: null, complete: false })
      log.offer('01 01 08 00 00 01 00')
      expect(log.offer(`01 01 02 00 ${reference} 00`)).toEqual({
        update: plain(`01 01 02 00 ${reference} 00`),
        complete: true,
      })
    }
  })
})

describe('what the log has', () => {
  test('may come back collected, or with an origin that is unknown here: it is cut away unread', () => {
    const log = new Log()
    log.offer('01 01 05 00 00 03 00')
    expect(log.offer('01 01 05 00 84 08 07 03 61 62 63 00')).toEqual({ update: null, complete: true })
    // of a string that goes on, the rest is left, and its origin is the part that was cut off
    expect(log.offer('01 01 05 00 84 08 07 05 61 62 63 64 65 00')).toEqual({
      update: plain('01 01 05 03 84 05 02 02 64 65 00'),
      complete: true,
    })
  })

  test('is cut off from a struct, whose right origin still has to be there', () => {
    const log = new Log()
    log.offer('01 01 05 00 00 03 00')
    expect(log.offer('01 01 05 00 44 08 07 05 61 62 63 64 65 00')).toEqual({ update: null, complete: false })
  })

  test.each([
    ['a GC', '00 05', '00 02'],
    ['deleted content', '21 01 01 74 01 6b 05', 'a1 05 02 02'],
    ['text', '04 01 01 74 07 61 c3 a9 62 63 c3 a9', '84 05 02 03 63 c3 a9'],
    ['text in a surrogate pair', '04 01 01 74 07 61 62 f0 9f 99 82 63', '84 05 02 04 ef bf bd 63'],
    [
      'a JSON array',
      '02 01 01 74 05 01 31 09 75 6e 64 65 66 69 6e 65 64 02 5b 5d 01 34 01 35',
      '82 05 02 02 01 34 01 35',
    ],
    ['values', '08 01 01 74 05 7e 75 01 7e 77 01 61 7d 04 7f', '88 05 02 02 7d 04 7f'],
    ['text with a right origin', '44 06 00 05 61 62 63 64 65', 'c4 05 02 06 00 02 64 65'],
  ])('is cut off from %s', (_, whole, rest) => {
    const log = new Log()
    log.offer('01 01 05 00 00 03 00')
    log.offer('01 01 06 00 00 01 00')
    const expected = plain(`01 01 05 03 ${rest} 00`)
    expect(log.offer(`01 01 05 00 ${whole} 00`)).toEqual({ update: expected, complete: true })
    expect(hex(differenceFrom(bytes(`01 01 05 00 ${whole} 00`), bytes('01 05 03')))).toBe(expected)
    expect(hex(Y.diffUpdate(bytes(`01 01 05 00 ${whole} 00`), bytes('01 05 03')))).toBe(expected)
  })
})

describe('deletions', () => {
  test('are taken where the log has the structs, and no deletion yet', () => {
    const log = new Log()
    log.offer('01 01 05 00 00 0a 00')
    log.offer('00 01 05 01 02 02')
    // 0–5 without 2–4; 8–12 as far as there are structs; nothing of client 6
    expect(log.offer('00 02 05 02 00 05 08 04 06 01 00 01')).toEqual({
      update: plain('00 01 05 03 00 02 04 01 08 02'),
      complete: false,
    })
    expect(log.offer('00 01 05 02 00 05 08 02')).toEqual({ update: null, complete: true })
  })

  test('of structs that come with them are taken', () => {
    const update = '01 01 05 00 00 03 01 05 01 00 03'
    expect(new Log().offer(update)).toEqual({ update: plain(update), complete: true })
  })

  test('of structs that are left out are left out', () => {
    const update = '01 01 05 01 00 03 01 05 01 01 03'
    expect(new Log().offer(update)).toEqual({ update: null, complete: false })
  })
})

describe('a coverage', () => {
  test('of a log that had a hole reaches over it once it is filled', () => {
    const coverage = new Coverage()
    coverage.add(bytes('01 03 05 00 00 02 0a 03 00 01 00'))
    coverage.add(bytes('01 01 05 08 00 01 00'))
    expect([...coverage.stateVector()]).toEqual([[5, 2]])
    coverage.add(bytes('01 01 05 02 00 03 00'))
    expect([...coverage.stateVector()]).toEqual([[5, 6]])
    coverage.add(bytes('01 01 05 06 00 03 00'))
    expect([...coverage.stateVector()]).toEqual([[5, 9]])
    coverage.add(bytes('01 01 05 09 00 01 00'))
    expect(coverage.encodeStateVector()).toEqual(bytes('01 05 0a'))
    expect(coverage.clients).toBe(1)
  })

  test('gives away a copy of its state vector', () => {
    const coverage = new Coverage()
    coverage.stateVector().set(1, 1)
    expect(coverage.encodeStateVector()).toEqual(emptyStateVector)
  })
})

describe('merging', () => {
  test('one update gives that update, and none gives nothing', () => {
    const update = bytes('00 00')
    expect(mergeUpdates([update])).toBe(update)
    expect(hex(mergeUpdates([]))).toBe('0000')
    expect(hex(mergeUpdates([update, update]))).toBe('0000')
  })

  test('keeps the first of two that have the same', () => {
    const [gc, item] = [bytes('01 01 05 00 00 03 00'), bytes('01 01 05 00 04 01 01 74 03 61 62 63 00')]
    expect(mergeUpdates([gc, item])).toEqual(gc)
    expect(mergeUpdates([item, gc])).toEqual(item)
  })

  test('puts a Skip where something is missing', () => {
    expect(hex(mergeUpdates([bytes('01 01 05 06 00 01 00'), bytes('01 01 05 02 00 01 00')]))).toBe(
      plain('01 03 05 02 00 01 0a 03 00 01 00'),
    )
  })

  test('costs what the bytes weigh: 100,000 keystrokes, in order, backwards and twice', () => {
    const keystrokes = Array.from({ length: 100_000 }, (_, i) => keystroke(i))
    const started = performance.now()
    const merged = mergeUpdates(keystrokes)
    expect(Buffer.compare(mergeUpdates([...keystrokes].reverse()), merged)).toBe(0)
    expect(Buffer.compare(mergeUpdates([...keystrokes, ...keystrokes]), merged)).toBe(0)
    expect(performance.now() - started).toBeLessThan(10_000) // some 0.4 s
  })
})

describe('nothing that a stranger sends takes long', () => {
  test('fifty thousand clients, each of whom refers to the next, in the worst order', () => {
    const count = 50_000
    const [first, sections] = [1_000_000, [] as number[]]
    // each section's struct has the section after it as its origin, and the last one stands alone
    for (let i = 0; i < count; i++) {
      const [id, next] = [uint(first - i), uint(first - i - 1)]
      sections.push(1, ...id, 0, ...(i === count - 1 ? [0, 1] : [0x84, ...next, 0, 1, 0x61]))
    }
    const update = Uint8Array.from([...uint(count), ...sections, 0])
    const started = performance.now()
    expect(admitUpdate(new Coverage(), update, defaultLimits).update).toBe(update)
    expect(performance.now() - started).toBeLessThan(5_000)
  })

  test('a hundred thousand deletions in the worst order', () => {
    const count = 100_000
    const ranges = Array.from({ length: count }, (_, i) => [...uint(2 * (count - i)), 1]).flat()
    const update = Uint8Array.from([1, 1, 5, 0, 0, ...uint(3 * count), 1, 5, ...uint(count), ...ranges])
    const coverage = new Coverage()
    const started = performance.now()
    expect(admitUpdate(coverage, update, defaultLimits).update).toBe(update)
    expect(admitUpdate(coverage, update, defaultLimits).update).toBe(null)
    expect(coverage.deleteRanges).toBe(count)
    expect(performance.now() - started).toBeLessThan(5_000)
  })
})

/** The `i`th character that client 5 appends. */
function keystroke(i: number): Uint8Array {
  const struct = i === 0 ? [4, 1, 1, 0x74, 1, 0x61] : [0x84, 5, ...uint(i - 1), 1, 0x61]
  return Uint8Array.from([1, 1, 5, ...uint(i), ...struct, 0])
}

function uint(value: number): number[] {
  return value < 0x80 ? [value] : [(value % 0x80) + 0x80, ...uint(Math.floor(value / 0x80))]
}
