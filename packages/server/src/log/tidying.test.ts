import { expect, test } from 'vitest'
import { StillClock } from '../../../../test/support/stillClock.js'
import { recordRange } from './keys.js'
import { quietMs, Tidying } from './tidying.js'

/** A tidying whose ranges are documents, and take as long as the test says. */
function newTidying() {
  const clock = new StillClock()
  const compacted: string[] = []
  let end: (() => void) | null = null
  let isHeld = false
  const rangesOf = (document: string) => [recordRange(document, 0)]
  const tidying = new Tidying(clock, rangesOf, async ({ gte }) => {
    compacted.push(Buffer.from(gte).toString().slice(1).split('\0')[0]!)
    if (isHeld) await new Promise<void>((resolve) => (end = resolve))
  })
  return { clock, tidying, compacted, hold: () => (isHeld = true), finish: () => end?.() }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

test('is done once it was quiet for a while, once for each document', async () => {
  const { clock, tidying, compacted } = newTidying()
  tidying.shrunk('a')
  tidying.shrunk('b')
  clock.pass(quietMs - 1)
  tidying.shrunk('a')
  expect(compacted).toEqual([])
  clock.pass(1)
  await settled()
  expect(compacted).toEqual(['a', 'b'])
  clock.pass(10 * quietMs)
  await settled()
  expect(compacted).toEqual(['a', 'b'])
  tidying.shrunk('a')
  clock.pass(quietMs)
  await settled()
  expect(compacted).toEqual(['a', 'b', 'a'])
})

test('waits as long as something is written, also between two documents', async () => {
  const { clock, tidying, compacted, hold, finish } = newTidying()
  tidying.shrunk('a')
  tidying.shrunk('b')
  for (let i = 0; i < 5; i++) {
    clock.pass(quietMs / 2)
    tidying.written()
  }
  await settled()
  hold()
  clock.pass(quietMs - 1)
  expect(compacted).toEqual([])
  clock.pass(1)
  expect(compacted).toEqual(['a'])
  tidying.written()
  finish()
  await settled()
  expect(compacted).toEqual(['a'])
  clock.pass(quietMs)
  expect(compacted).toEqual(['a', 'b'])
  finish()
})

test('takes sixteen documents at a time, and leaves the others to LevelDB', async () => {
  const { clock, tidying, compacted } = newTidying()
  for (let i = 0; i < 17; i++) tidying.shrunk(`document ${i}`)
  clock.pass(quietMs)
  await settled()
  expect(compacted.length).toBe(16)
})

test('ends with the document that it is at, and begins none after that', async () => {
  const { clock, tidying, compacted, hold, finish } = newTidying()
  tidying.shrunk('a')
  tidying.shrunk('b')
  hold()
  clock.pass(quietMs)
  let isClosed = false
  const closed = tidying.close().then(() => {
    isClosed = true
  })
  await settled()
  expect(isClosed).toBe(false)
  finish()
  await closed
  tidying.shrunk('c')
  clock.pass(10 * quietMs)
  await settled()
  expect(compacted).toEqual(['a'])
})
