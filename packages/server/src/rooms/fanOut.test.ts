import { defaultLimits } from '@syncline/protocol'
import { expect, test } from 'vitest'
import { FanOut } from './fanOut.js'

function demandAfter(
  { perSecond, readers }: { perSecond: number; readers: number },
  { fanOutPercent } = defaultLimits,
): FanOut {
  const fanOut = new FanOut(0, { fanOutPercent })
  for (let i = 1; i <= 3 * perSecond; i++) fanOut.ask(Math.round((i * 1000) / perSecond), readers)
  return fanOut
}

test('one who types fast before 200 is within the share; 100 who type before each other are far above', () => {
  expect(demandAfter({ perSecond: 50, readers: 200 }).demand).toBeLessThan(1)
  expect(demandAfter({ perSecond: 500, readers: 100 }).demand).toBeGreaterThan(3)
})

test('twice the share is half the demand', () => {
  const load = { perSecond: 500, readers: 100 }
  const wider = { ...defaultLimits, fanOutPercent: 2 * defaultLimits.fanOutPercent }
  expect(demandAfter(load, wider).demand).toBeCloseTo(demandAfter(load).demand / 2)
})

test('many small rooms add up', () => {
  const fanOut = new FanOut(0, defaultLimits)
  for (let ms = 0; ms < 2_000; ms++) for (let room = 0; room < 10; room++) fanOut.ask(ms, 10)
  expect(fanOut.demand).toBeGreaterThan(1)
})

test('a long silence, and a clock that was set back, end it', () => {
  const fanOut = demandAfter({ perSecond: 500, readers: 100 })
  fanOut.ask(1_000, 100)
  fanOut.ask(1_050, 100)
  expect(fanOut.demand).toBeGreaterThan(3)
  fanOut.ask(60_000, 100)
  expect(fanOut.demand).toBeLessThan(0.1)
})
