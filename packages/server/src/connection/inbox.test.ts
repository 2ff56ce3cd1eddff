import { describe, expect, test } from 'vitest'
import { Inbox } from './inbox.js'
import { Slices } from './slices.js'

// time passes where a test says so
let now = 0
const slicesOf = () => new Slices(() => now)

/** An inbox whose frames name the number of their messages. */
function inboxOf(slices: Slices, { ms = 0 } = {}) {
  const taken: string[] = []
  const busy: boolean[] = []
  let failures = 0
  const inbox = new Inbox(slices, {
    *take(frame) {
      for (let i = 0; i < frame[0]!; i++) {
        if (frame[1] === 255 && i === 1) throw new Error('a broken message')
        now += ms // as much as the message costs
        taken.push(`${frame[1]}.${i}`)
        yield
      }
    },
    onBusy: (isBusy) => busy.push(isBusy),
    guarded: (run) => {
      try {
        run()
      } catch {
        failures++
      }
    },
  })
  return { inbox, taken, busy, failures: () => failures }
}

/** Counts turns of the event loop until the inbox is done. */
function turnsUntilDone(inbox: Inbox): Promise<number> {
  return new Promise((resolve) => {
    let turns = 0
    let isDone = false
    inbox.whenDone(() => {
      isDone = true
    })
    const count = () => {
      if (isDone) return resolve(turns)
      turns++
      setImmediate(count)
    }
    count()
  })
}

describe('an inbox', () => {
  test('takes what is little at once', () => {
    const { inbox, taken, busy } = inboxOf(slicesOf())
    inbox.push(Uint8Array.of(3, 1))
    expect(taken).toEqual(['1.0', '1.1', '1.2'])
    inbox.push(Uint8Array.of(1, 2))
    expect([taken.at(-1), busy]).toEqual(['2.0', []])
  })

  test('lets others come between the messages of a large frame, and keeps the order', async () => {
    const { inbox, taken, busy } = inboxOf(slicesOf(), { ms: 0.5 })
    inbox.push(Uint8Array.of(100, 1))
    inbox.push(Uint8Array.of(2, 2))
    expect(taken.length).toBeLessThan(10)
    expect(await turnsUntilDone(inbox)).toBeGreaterThan(10)
    const all = [...Array.from({ length: 100 }, (_, i) => `1.${i}`), '2.0', '2.1']
    expect(taken).toEqual(all)
    expect(busy).toEqual([true, false])
  })

  test('counts frames that come one after the other as one', async () => {
    const { inbox, taken } = inboxOf(slicesOf(), { ms: 0.5 })
    for (let i = 0; i < 50; i++) inbox.push(Uint8Array.of(1, i))
    expect(taken.length).toBeLessThan(10)
    expect(await turnsUntilDone(inbox)).toBeGreaterThan(5)
    expect(taken.length).toBe(50)
  })

  test('takes turns with others that have much to do, and all of them together leave time for the rest', async () => {
    const slices = slicesOf()
    const all = Array.from({ length: 10 }, () => inboxOf(slices, { ms: 0.5 }))
    for (const { inbox } of all) inbox.push(Uint8Array.of(40, 1))
    const turns = await Promise.race(all.map(({ inbox }) => turnsUntilDone(inbox)))
    expect(turns).toBeGreaterThan(20)
    // when the first one is done, none is far behind
    expect(Math.min(...all.map(({ taken }) => taken.length))).toBeGreaterThan(10)
    await Promise.all(all.map(({ inbox }) => turnsUntilDone(inbox)))
    for (const { taken } of all) expect(taken.length).toBe(40)
  })

  test('counts what it takes to find frames, and those that are taken meanwhile once', async () => {
    const { inbox, taken, busy } = inboxOf(slicesOf(), { ms: 0.5 })
    const find = () => {
      now += 0.5
      inbox.push(Uint8Array.of(1, taken.length))
    }
    inbox.find(find)
    expect([taken.length, busy]).toEqual([1, []])
    inbox.find(find)
    expect([taken.length, busy]).toEqual([2, [true]])
    expect(await turnsUntilDone(inbox)).toBeGreaterThan(0)
    expect(busy).toEqual([true, false])
  })

  test('of a crowd with a little to do each, some wait, and of those whoever has least is through first', async () => {
    const slices = slicesOf()
    const crowd = Array.from({ length: 40 }, () => inboxOf(slices, { ms: 0.5 }))
    for (const { inbox } of crowd) inbox.push(Uint8Array.of(3, 1))
    const typist = inboxOf(slices)
    typist.inbox.push(Uint8Array.of(1, 1))
    expect(crowd.filter(({ taken }) => taken.length > 0).length).toBeLessThan(10)
    const turns = await turnsUntilDone(typist.inbox)
    expect(turns).toBeLessThan(8)
    expect(crowd.filter(({ taken }) => taken.length === 3).length).toBeLessThan(30)
    await Promise.all(crowd.map(({ inbox }) => turnsUntilDone(inbox)))
    for (const { taken } of crowd) expect(taken.length).toBe(3)
  })

  test('goes on behind a message that fails', () => {
    const { inbox, taken, failures } = inboxOf(slicesOf())
    inbox.push(Uint8Array.of(3, 255))
    inbox.push(Uint8Array.of(1, 2))
    expect([taken, failures()]).toEqual([['255.0', '2.0'], 1])
  })

  test('forgets what was not taken when it is cleared, and is done then', async () => {
    const slices = slicesOf()
    const { inbox, taken } = inboxOf(slices, { ms: 0.5 })
    inbox.push(Uint8Array.of(200, 1))
    const done = turnsUntilDone(inbox)
    inbox.clear()
    await done
    const { length } = taken
    await new Promise((resolve) => setImmediate(resolve))
    expect(taken.length).toBe(length)
  })
})

test('an inbox that is cleared by one of its messages, which takes long, is not busy after that', async () => {
  const busy: boolean[] = []
  const inbox: Inbox = new Inbox(slicesOf(), {
    *take(frame) {
      for (const message of frame) {
        now += 10
        if (message === 2) inbox.clear()
        yield
      }
    },
    onBusy: (isBusy) => busy.push(isBusy),
    guarded: (run) => run(),
  })
  inbox.push(Uint8Array.of(1, 2, 3))
  expect(busy).toEqual([true])
  await turnsUntilDone(inbox)
  for (let turn = 0; turn < 5; turn++) await new Promise((done) => setImmediate(done))
  expect(busy).toEqual([true, false])
})
