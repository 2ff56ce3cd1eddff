import { authorizeByJwt } from '@syncline/server'
import { describe, expect, test, vi } from 'vitest'
import { connectHocuspocus } from '../support/hocuspocus.js'
import { secret, signed } from '../support/issuer.js'
import { until } from '../support/until.js'
import { startRelay, TestClock } from './support.js'

async function start() {
  return startRelay({ authorize: await authorizeByJwt({ key: { secret } }) })
}

describe.each([3, 4] as const)('unmodified providers of Hocuspocus %i', (version) => {
  test('that may only read change nothing, and the other documents of their socket go on', async () => {
    const { url } = await start()
    const { open } = connectHocuspocus(url, version)
    const reader = open('notes', { token: await signed({ documents: { notes: 'read' } }) })
    const writer = open('plan', { token: await signed({ documents: { plan: 'write' } }) })
    const other = connectHocuspocus(url, version).open('notes', { token: await signed({ sub: 'bo' }) })
    await until('all to be in', () => [reader, writer, other].every(({ provider }) => provider.isSynced))
    expect(reader.provider.authorizedScope).toBe('readonly')
    other.text.insert(0, 'written')
    await until('the reader to read it', () => reader.text.toString() === 'written')
    reader.text.insert(0, 'not ')
    await until('it to be refused', () => reader.endings.length > 0)
    expect(reader.endings[0]).toMatch(/^read_only/)
    writer.text.insert(0, 'a plan')
    await until('the plan to be saved', () => !writer.provider.hasUnsyncedChanges)
    expect(other.text.toString()).toBe('written')
  })

  test('say what has no meaning here without harm, and leave one document of several', async () => {
    const { url, relay } = await start()
    const { open } = connectHocuspocus(url, version)
    const given = { token: await signed({}) }
    const heard: string[] = []
    const listens = { ...given, onStateless: ({ payload }: { payload: string }) => heard.push(payload) }
    const [notes, plan] = [open('notes', listens), open('plan', given)]
    const other = connectHocuspocus(url, version).open('notes', listens)
    await until('all to be in', () => [notes, plan, other].every(({ provider }) => provider.isSynced))
    notes.provider.sendStateless('to nobody')
    notes.text.insert(0, 'still here')
    await until('the other to read it', () => other.text.toString() === 'still here')
    expect(heard).toEqual([])
    notes.provider.destroy()
    await until('its session to end', () => relay.stats().sessions === 2)
    plan.text.insert(0, 'and here')
    await until('that to be saved', () => !plan.provider.hasUnsyncedChanges)
  })
})

describe.each([3, 4] as const)('a token of a provider of Hocuspocus %i', (version) => {
  async function startWithClock() {
    const clock = new TestClock()
    const authorize = await authorizeByJwt({ key: { secret }, clockSkewMs: 0, now: clock.now })
    const relay = await startRelay({ authorize, clock })
    const fresh = () => signed({ exp: clock.now() / 1_000 + 16 })
    const other = connectHocuspocus(relay.url, version).open('notes', { token: await signed({ sub: 'ben' }) })
    /** Lets time pass, less than it takes until somebody silent is taken for gone; all show that they are there. */
    const pass = async (ms: number, { provider, text }: typeof other) => {
      clock.pass(ms)
      for (const each of [text, other.text]) each.insert(0, '.')
      await until('it to be saved', () => !provider.hasUnsyncedChanges && !other.provider.hasUnsyncedChanges)
    }
    return { ...relay, clock, fresh, other, pass }
  }

  test('is asked for before it ends, and replaced: no reconnect, and no edit lost', async () => {
    const { url, fresh, relay, other, pass } = await startWithClock()
    const ask = vi.fn(fresh)
    let granted = 0
    const { open, closes } = connectHocuspocus(url, version)
    const mine = open('notes', { token: ask, onAuthenticated: () => void granted++ })
    const { provider, text, denials, endings } = mine
    await until('both to be in', () => provider.isSynced && other.provider.isSynced)
    for (let i = 0; i < 4; i++) {
      await pass(6_500, mine)
      text.insert(0, `${i}`)
      await pass(6_500, mine)
      await until('another to be granted', () => granted === i + 2)
    }
    await until('the other to read all', () => other.text.toString() === text.toString())
    expect(ask).toHaveBeenCalledTimes(5)
    expect([closes, denials, endings, relay.stats().refused]).toEqual([[], [], [], 0])
  })

  test.each(['and a step 1', 'alone'])(
    'that has ended is followed by another one, %s: nothing is lost',
    async (how) => {
      const { url, clock, fresh, other, pass } = await startWithClock()
      let token = await fresh()
      const { open, closes } = connectHocuspocus(url, version)
      let granted = 0
      const mine = open('notes', { token: () => token, onAuthenticated: () => void granted++ })
      const { provider, text, denials } = mine
      await until('both to be in', () => provider.isSynced && other.provider.isSynced)
      await pass(7_500, mine)
      await pass(7_200, mine)
      // it was asked for another token, and has none: what it has is looked at once more
      await until('that to be decided', () => granted === 2)
      text.insert(0, 'at the end ')
      clock.pass(1_500)
      await until('it to be denied', () => denials.some((reason) => reason.startsWith('token_expired')))
      text.insert(0, 'mine ')
      other.text.insert(other.text.length, 'theirs')
      await until('that to be saved', () => !other.provider.hasUnsyncedChanges)
      expect(text.toString()).not.toContain('theirs')
      token = await fresh()
      await provider.sendToken()
      if (how !== 'alone') provider.startSync()
      await until(
        'both to have all',
        () => /(?=.*at the end)(?=.*mine)(?=.*theirs)/.test(`${text}`) && text.toString() === other.text.toString(),
      )
      text.insert(0, 'later ')
      await until('all to be saved', () => !provider.hasUnsyncedChanges && other.text.toString() === text.toString(), {
        seen: () => [provider.unsyncedChanges, `${text}`, `${other.text}`, denials, closes],
      })
      expect(closes).toEqual([])
    },
  )

  test('that says less is in force at once: it reads on, its cursor stays, and what it writes is refused', async () => {
    const { url, other } = await startWithClock()
    let documents = { notes: 'write' }
    const { open, closes } = connectHocuspocus(url, version)
    const { provider, doc, text, endings } = open('notes', { token: () => signed({ documents }) })
    const cursor = () => other.provider.awareness!.getStates().get(doc.clientID)?.name
    await until('both to be in', () => provider.isSynced && other.provider.isSynced)
    provider.awareness!.setLocalStateField('name', 'Ada')
    await until('its cursor to be seen', () => cursor() === 'Ada')
    documents = { notes: 'read' }
    await provider.sendToken()
    await until('it to be a reader', () => provider.authorizedScope === 'readonly')
    provider.awareness!.setLocalStateField('name', 'Ada, who reads')
    other.text.insert(0, 'read')
    await until('both to see the other', () => cursor() === 'Ada, who reads' && text.toString() === 'read')
    text.insert(0, 'un')
    await until('it to be refused', () => endings.length > 0)
    expect([endings[0], other.text.toString(), closes]).toEqual([expect.stringMatching(/^read_only/), 'read', []])
  })
})
