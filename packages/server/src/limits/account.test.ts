import { describe, expect, test } from 'vitest'
import { Account, Accounts, addressRates, subjectRates, waitMsMax } from './account.js'
import { Limiter } from './limiter.js'
import { defaultRelayLimits, limitsWith } from './limits.js'

const rates = { opens: { burst: 3, perSecond: 2 } }

class TestClock {
  time = 1_000_000
  now = () => this.time
  after = () => () => {}
}

describe('an account', () => {
  test('has its burst at once, and its rate after that', () => {
    const account = new Account(rates)
    for (let i = 0; i < 3; i++) expect(account.take('opens', 1, 0)).toBe(0)
    expect(account.waitMs('opens', 1, 0)).toBe(500)
    expect(account.waitMs('opens', 1, 499)).toBe(1)
    expect(account.waitMs('opens', 1, 500)).toBe(0)
    expect(account.take('opens', 1, 500)).toBe(0)
    expect(account.take('opens', 1, 500)).toBe(500)
    expect(account.take('opens', 1, 500)).toBe(1_000)
  })

  test('is as if it were new once it is full again', () => {
    const account = new Account(rates)
    account.take('opens', 3, 0)
    expect([account.isFull(1_499), account.isFull(1_500)]).toEqual([false, true])
    expect(account.take('opens', 3, 1_000_000)).toBe(0)
  })

  test('what was too much is waited for, but not for ever', () => {
    const account = new Account(rates)
    expect(account.take('opens', 1_000_000, 0)).toBe(waitMsMax)
    expect(account.take('opens', 1, waitMsMax)).toBe(500)
  })

  test('more than the burst is there when all of it is', () => {
    const account = new Account(rates)
    expect(account.waitMs('opens', 100, 0)).toBe(0)
    account.take('opens', 1, 0)
    expect(account.waitMs('opens', 100, 0)).toBe(500)
  })

  test('a clock that is set back costs no more than the longest wait; one that is set forward nothing', () => {
    const account = new Account(rates)
    account.take('opens', 3, 3_600_000)
    expect(account.take('opens', 1, 0)).toBe(waitMsMax)
    expect(account.take('opens', 0, waitMsMax)).toBe(0)
    expect(account.take('opens', 3, 10_000_000)).toBe(0)
  })

  test('what has no rate is free', () => {
    expect([new Account(rates).take('bytes', 1e12, 0), new Account({}).waitMs('opens', 1e12, 0)]).toEqual([0, 0])
  })
})

describe('accounts', () => {
  test('are forgotten when they are full again, as others come', () => {
    const accounts = new Accounts(rates, 1_000)
    for (let i = 0; i < 100; i++) accounts.of(`a${i}`, 0).take('opens', 1, 0)
    expect(accounts.size).toBe(100)
    for (let i = 0; i < 100; i++) accounts.of(`b${i}`, 10_000).take('opens', 1, 10_000)
    expect(accounts.size).toBe(100)
  })

  test('are no more than may be, beside those that somebody has', () => {
    const accounts = new Accounts(rates, 10)
    const held = accounts.of('held', 0)
    held.holders++
    for (let i = 0; i < 1_000; i++) accounts.of(`a${i}`, 0).take('opens', 3, 0)
    expect(accounts.size).toBeLessThanOrEqual(11)
    expect(accounts.of('held', 0)).toBe(held)
  })

  test('of the same name are the same', () => {
    const accounts = new Accounts(rates, 10)
    accounts.of('a', 0).take('opens', 3, 0)
    expect(accounts.of('a', 0).waitMs('opens', 1, 0)).toBe(500)
  })
})

describe('a limiter', () => {
  const limits = limitsWith({ addressOpensBurst: 2, addressOpensPerSecond: 1, addressConnectionsBurst: 2 })

  test('lets what may wait take its turn, and refuses what would wait too long', () => {
    const clock = new TestClock()
    const limiter = new Limiter(limits, clock)
    const account = limiter.connect('192.0.2.1')
    const waits = Array.from({ length: 12 }, () => limiter.reserve('opens', 1, [account]))
    expect(waits).toEqual([0, 0, 1_000, 2_000, 3_000, 4_000, 5_000, 6_000, 7_000, 8_000, 9_000, 10_000])
    expect(() => limiter.reserve('opens', 1, [account])).toThrow(
      expect.objectContaining({ code: 'rate_limited', retryMs: 11_000 }),
    )
    // nothing was taken by who was refused
    clock.time += 1_000
    expect(limiter.reserve('opens', 1, [account])).toBe(10_000)
  })

  test('refuses connections above the rate, of one address and not of another', () => {
    const limiter = new Limiter(limits, new TestClock())
    limiter.connect('192.0.2.1')
    limiter.connect('192.0.2.1')
    expect(() => limiter.connect('192.0.2.1')).toThrow(expect.objectContaining({ code: 'rate_limited' }))
    limiter.connect('192.0.2.2')
  })

  test('counts whoever has a line as one visitor', () => {
    const limiter = new Limiter(limits, new TestClock())
    expect(limiter.connect('2001:db8:0:1::7')).toBe(limiter.connect('2001:db8::1:ffff:ffff:0:7'))
    expect(limiter.connect('2001:db8:0:2::7')).not.toBe(limiter.connect('2001:db8:0:3::7'))
  })

  test('rations nobody who cannot be told from others', () => {
    const limiter = new Limiter(limits, new TestClock())
    for (let i = 0; i < 100; i++) limiter.connect('')
    expect(limiter.subject('')).toBe(limiter.connect(''))
  })
})

describe('the defaults', () => {
  const MiB = 2 ** 20
  const hold = (account: Account) => account.take('bytes', 0, 0) + account.take('messages', 0, 0)

  test('are not felt by an office of 500 with 10 tabs each that all come back at once', () => {
    const account = new Account(addressRates({ ...defaultRelayLimits }))
    let wait = 0
    for (let tab = 0; tab < 500 * 10; tab++) {
      // one connection for all tabs of a person
      if (tab % 10 === 0) wait += account.take('connections', 1, 0)
      wait += account.take('opens', 1, 0)
      wait += account.take('exchangeBytes', 300 * 1024, 0)
      for (let message = 0; message < 4; message++) wait += account.take('messages', 1, 0)
    }
    expect(wait).toBe(0)
  })

  test('are not felt by 50 tabs of y-websocket behind one address, nor by who pastes a book', () => {
    const account = new Account(addressRates(defaultRelayLimits))
    const subject = new Account(subjectRates(defaultRelayLimits))
    for (const each of [account, subject]) {
      for (let tab = 0; tab < 50; tab++) {
        each.take('connections', 1, 0)
        each.take('opens', 1, 0)
        each.take('exchangeBytes', 5 * MiB, 0)
        each.take('messages', 100, 0)
      }
      each.take('bytes', defaultRelayLimits.documentBytesMax, 0)
      expect(hold(each)).toBe(0)
      expect([each.waitMs('opens', 1, 0), each.waitMs('exchangeBytes', 5 * MiB, 0)]).toEqual([0, 0])
    }
  })
})
