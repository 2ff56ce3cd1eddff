import { authorizeByJwt } from '@syncline/server'
import { describe, expect, test } from 'vitest'
import { connectHocuspocus } from '../support/hocuspocus.js'
import { secret, signed } from '../support/issuer.js'
import { until } from '../support/until.js'
import { startRelay } from './support.js'

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
