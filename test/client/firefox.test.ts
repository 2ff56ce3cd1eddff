import { describe, expect, test } from 'vitest'
import { Firefox, type FirefoxTab, withoutFirefox } from '../support/firefox.js'
import { until } from '../support/until.js'
import { startRelayWithPage } from './browser.js'
import { join } from './world.js'

const timeout = 120_000

async function opened(firefox: Firefox, url: string, online: boolean): Promise<FirefoxTab> {
  const tab = await firefox.open(url)
  await until('the client to be there', () => tab.run<boolean>('"tools" in globalThis'))
  await tab.run(`(async () => {
    globalThis.connection = tools.connect(location.origin, { store: tools.indexedDbStore(), online: ${online} })
    globalThis.handle = connection.open('x')
    await handle.loaded
  })()`)
  return tab
}

const text = 'handle.doc.getText("text").toString()'

describe.skipIf(withoutFirefox)('in Firefox', () => {
  test('a tab is closed while offline, another one goes on, and all of it is saved', { timeout }, async () => {
    const relay = await startRelayWithPage()
    const firefox = await Firefox.start()
    const first = await opened(firefox, relay.url, false)
    await first.run('handle.doc.getText("text").insert(0, "written on a train")')
    await first.run('handle.keptLocally()')
    expect(await first.run('handle.status')).toMatchObject({ pending: 1, unkept: 0, saved: false, storage: 'ok' })
    await first.close()

    const second = await opened(firefox, relay.url, false)
    expect(await second.run(text)).toBe('written on a train')
    await second.run('handle.doc.getText("text").insert(18, ", and later")')
    await second.run('connection.goOnline()')
    await second.run('handle.synced.then(() => handle.saved())')
    const reader = join(relay).open('x')
    await reader.synced
    expect(reader.doc.getText('text').toString()).toBe('written on a train, and later')

    reader.doc.getText('text').insert(0, '> ')
    await until('Firefox to see it', async () => (await second.run(text)) === '> written on a train, and later')
    await relay.stop()
    await second.run('handle.doc.getText("text").insert(0, "offline ")')
    await second.run('handle.keptLocally()')
    await relay.start()
    await second.run('handle.saved()')
    await until('the reader to see it', () => reader.doc.getText('text').toString().startsWith('offline > '))
    expect(await second.run('handle.status')).toMatchObject({ pending: 0, saved: true, connection: 'online' })
  })
})
