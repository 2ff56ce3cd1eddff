import { expect, test } from 'vitest'
import { SavedCount } from './savedCount.js'

/** A provider's own count, as it keeps it. */
function provider() {
  const saved = new SavedCount()
  let unsynced = 0
  let seq = 0
  const told = () => {
    unsynced = Math.max(0, unsynced - saved.take())
    return unsynced
  }
  return {
    exchanges: () => {
      unsynced = 1
      saved.exchanged(seq)
      return told()
    },
    updates: () => {
      unsynced++
      saved.counts(++seq)
    },
    answers: () => saved.answered(++seq),
    isResynced: () => saved.resynced(),
    isAcknowledged: (upTo = seq) => {
      saved.acknowledged(upTo)
      return told()
    },
  }
}

test('one for the first answer, one for each update', () => {
  const it = provider()
  expect(it.exchanges()).toBe(1)
  it.answers()
  it.updates()
  it.updates()
  expect(it.isAcknowledged(1)).toBe(2)
  expect(it.isAcknowledged(3)).toBe(0)
})

test('an update before the answer is saved with it', () => {
  const it = provider()
  it.exchanges()
  it.updates()
  it.answers()
  expect(it.isAcknowledged()).toBe(0)
})

test('the answer to a resync is not counted, what it stands for is', () => {
  const it = provider()
  it.exchanges()
  it.answers()
  expect(it.isAcknowledged()).toBe(0)
  it.updates()
  it.isResynced()
  it.updates()
  it.answers()
  it.updates()
  expect(it.isAcknowledged(4)).toBe(1)
  expect(it.isAcknowledged()).toBe(0)
})

test('another exchange begins anew, and is done when all before it is', () => {
  const it = provider()
  it.exchanges()
  it.answers()
  it.updates()
  it.updates()
  expect(it.exchanges()).toBe(1)
  it.updates()
  expect(it.isAcknowledged(2)).toBe(2)
  expect(it.isAcknowledged(3)).toBe(1)
  expect(it.isAcknowledged()).toBe(0)
  expect(it.exchanges()).toBe(0)
})
