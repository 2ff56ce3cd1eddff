import type { Browser, BrowserContext, CDPSession } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { launchBrowser, withoutBrowser } from '../support/browser.js'
import { until } from '../support/until.js'
import { openTab, startRelayWithPage, type Tab } from './browser.js'
import { join, type TestRelay } from './world.js'

const timeout = 60_000

/** A leader that is gone or frozen is replaced within a second; a machine that does everything at once gets two. */
const replacedMsMax = 2_000

describe.skipIf(withoutBrowser)('several tabs', { timeout }, () => {
  let browser: Browser

  beforeAll(async () => {
    // a process for each tab, and none that waits for one: so it is known which is whose
    browser = await launchBrowser(['--disable-features=SpareRendererForSitePerProcess', '--process-per-tab'])
  })

  afterAll(() => browser?.close())

  async function device(count: number, options: Parameters<Tab['join']>[0] = {}) {
    const relay = await startRelayWithPage()
    const context = await browser.newContext()
    onTestFinished(() => context.close())
    const tabs: TabOfItsOwn[] = []
    for (let i = 0; i < count; i++) tabs.push(await TabOfItsOwn.open(browser, context, relay))
    await Promise.all(tabs.map(({ tab }) => tab.join(options)))
    return { relay, context, tabs }
  }

  /** Waits until all show the same, of that length, and all of it is saved. */
  async function agree(relay: TestRelay, tabs: readonly TabOfItsOwn[], length: number): Promise<void> {
    await until('equal tabs', async () => {
      const texts = await Promise.all(tabs.map(({ tab }) => tab.text()))
      return texts.every((text) => text === texts[0]) && texts[0]!.length === length
    })
    await Promise.all(tabs.map(({ tab }) => tab.saved()))
    const reader = join(relay).open('x')
    await reader.synced
    expect(reader.doc.getText('text').toString()).toBe(await tabs[0]!.tab.text())
    expect(tabs.flatMap(({ tab }) => tab.complaints)).toEqual([])
  }

  /** Waits until each has the awareness of so many. */
  async function seeEachOther(tabs: readonly TabOfItsOwn[], count: number): Promise<void> {
    let seen: number[] = []
    const all = async () => {
      seen = await Promise.all(tabs.map(({ tab }) => tab.page.evaluate(() => handle.awareness.getStates().size)))
      return seen.every((each) => each === count)
    }
    await until('everybody’s awareness', all, { seen: () => seen })
  }

  test('8 tabs type over one socket, and see each other', async () => {
    const { relay, tabs } = await device(8)
    await Promise.all(tabs.map(({ tab }) => tab.page.evaluate(() => handle.synced)))
    expect(relay.stats).toMatchObject({ connections: 1, sessions: 8 })
    await Promise.all(tabs.map(({ tab }, i) => tab.typeSlowly(String(i).repeat(50))))
    await agree(relay, tabs, 400)
    for (const { tab } of tabs)
      expect(await tab.status()).toMatchObject({ pending: 0, saved: true, connection: 'online' })
    await seeEachOther(tabs, 9) // with the reader
    const [left, ...others] = tabs as [TabOfItsOwn, ...TabOfItsOwn[]]
    await left.tab.page.close()
    await seeEachOther(others, 8)
  })

  test('the leader is killed while all type: another one leads, and nothing is lost', async () => {
    const { relay, tabs } = await device(4)
    await Promise.all(tabs.map(({ tab }) => tab.page.evaluate(() => handle.synced)))
    const leader = await leaderOf(tabs)
    const others = tabs.filter((tab) => tab !== leader)
    await leader.tab.type('kept by the leader')
    await leader.tab.kept()
    const typing = others.map(({ tab }, i) => tab.typeSlowly(String(i).repeat(100)))
    const killedAt = performance.now()
    leader.kill()
    const next = await leaderOf(others)
    console.info(`a leader that was killed is replaced after ${Math.round(performance.now() - killedAt)} ms`)
    expect(performance.now() - killedAt).toBeLessThan(replacedMsMax)
    await Promise.all(typing)
    await agree(relay, others, 318)
    expect(next).not.toBe(leader)
    await until('one socket for those that are left', () => relay.stats.connections === 2) // and the reader's
  })

  test('the leader is killed while it types and the relay is away: what it had kept is there', async () => {
    const { relay, tabs } = await device(3)
    await Promise.all(tabs.map(({ tab }) => tab.page.evaluate(() => handle.synced)))
    const leader = await leaderOf(tabs)
    const others = tabs.filter((tab) => tab !== leader)
    await relay.stop()
    await leader.tab.type('kept while offline. ')
    await leader.tab.kept()
    const typing = leader.tab.typeSlowly('x'.repeat(1_000)).catch(() => 'killed')
    await until('it to have typed some', async () => (await others[0]!.tab.text()).length > 30)
    leader.kill()
    expect(await typing).toBe('killed')
    await leaderOf(others)
    await others[1]!.tab.type('!')
    await relay.start()
    await until('all that was seen to be saved', async () => {
      const [a, b] = await Promise.all(others.map(({ tab }) => tab.text()))
      const states = await Promise.all(others.map(({ tab }) => tab.status()))
      return a === b && states.every(({ saved, synced }) => saved && synced)
    })
    const text = await others[0]!.tab.text()
    expect(text).toMatch(/^kept while offline. x{11,}!x*$/)
    await agree(relay, others, text.length)
  })

  test('edits go from tab to tab offline, and a tab that dies loses nothing', async () => {
    const { relay, tabs } = await device(3, { online: false })
    const [a, b, c] = tabs as [TabOfItsOwn, TabOfItsOwn, TabOfItsOwn]
    await a.tab.type('from a, ')
    await until('b to see it', async () => (await b.tab.text()) === 'from a, ')
    await b.tab.type('from b')
    await until('all to see it', async () => (await a.tab.text()) === (await c.tab.text()))
    expect(await c.tab.text()).toBe('from a, from b')
    expect(await c.tab.status()).toMatchObject({ pending: 0 })
    await a.tab.kept()
    expect(await a.tab.status()).toMatchObject({ pending: 8, unkept: 0, connection: 'offline' })
    await seeEachOther(tabs, 3)
    a.kill()
    await seeEachOther([b, c], 2)
    await c.tab.goOnline()
    await until('the relay to have what the dead tab left', async () => relay.stats.connections === 1)
    await b.tab.goOnline()
    await agree(relay, [b, c], 14)
  })

  test('a leader that is frozen is deposed within a second, and follows when it thaws', async () => {
    const { relay, tabs } = await device(3)
    await Promise.all(tabs.map(({ tab }) => tab.page.evaluate(() => handle.synced)))
    const leader = await leaderOf(tabs)
    await leader.tab.type('before. ')
    await leader.tab.kept()
    const others = tabs.filter((tab) => tab !== leader)
    const frozenAt = performance.now()
    leader.freeze()
    const next = await leaderOf(others)
    const deposedMs = performance.now() - frozenAt
    console.info(`a frozen leader is deposed after ${Math.round(deposedMs)} ms`)
    expect(deposedMs).toBeLessThan(replacedMsMax)
    await others[0]!.tab.type('meanwhile. ')
    await others[0]!.tab.saved()
    await others[1]!.tab.type('offline or not. ')
    await others[1]!.tab.saved()
    leader.thaw()
    await until('its text', async () => (await leader.tab.text()).length === 35)
    await until('one socket', () => relay.stats.connections === 1)
    await leader.tab.type('after.')
    await agree(relay, tabs, 41)
    expect(await leaderOf(tabs)).toBe(next)
  })

  test('tabs of two identities share nothing', async () => {
    const { relay, tabs, context } = await device(2, { identity: 'ada' })
    const [bo, alone] = [
      await TabOfItsOwn.open(browser, context, relay),
      await TabOfItsOwn.open(browser, context, relay),
    ]
    await bo.tab.join({ identity: 'bo', name: 'y' })
    await alone.tab.join({ identity: 'ada', tabs: false })
    await Promise.all([...tabs, bo, alone].map(({ tab }) => tab.page.evaluate(() => handle.synced)))
    expect(relay.stats).toMatchObject({ connections: 3, sessions: 4 })
  })

  test.each([
    ['Web Locks', () => Object.defineProperty(navigator, 'locks', { value: undefined })],
    ['BroadcastChannel', () => Object.defineProperty(globalThis, 'BroadcastChannel', { value: undefined })],
  ])('without %s each tab stands alone, and loses nothing', async (_what, takeAway) => {
    const relay = await startRelayWithPage()
    const context = await browser.newContext()
    onTestFinished(() => context.close())
    await context.addInitScript(takeAway)
    const tabs = [await TabOfItsOwn.open(browser, context, relay), await TabOfItsOwn.open(browser, context, relay)]
    await Promise.all(tabs.map(({ tab }) => tab.join()))
    await Promise.all(tabs.map(({ tab }, i) => tab.type(String(i).repeat(10))))
    await agree(relay, tabs, 20)
    expect(relay.stats.connections).toBe(3)
  })
})

/** A tab whose process is known. */
class TabOfItsOwn {
  readonly tab: Tab
  readonly #pid: number

  constructor(tab: Tab, pid: number) {
    this.tab = tab
    this.#pid = pid
  }

  static async open(browser: Browser, context: BrowserContext, relay: TestRelay): Promise<TabOfItsOwn> {
    const devtools = await browser.newBrowserCDPSession()
    const before = new Set(await renderers(devtools))
    const tab = await openTab(context, relay)
    const [pid] = (await renderers(devtools)).filter((pid) => !before.has(pid))
    await devtools.detach()
    if (pid === undefined) throw new Error('the tab has no process of its own')
    return new TabOfItsOwn(tab, pid)
  }

  kill(): void {
    process.kill(this.#pid, 'SIGKILL')
  }

  freeze(): void {
    process.kill(this.#pid, 'SIGSTOP')
  }

  thaw(): void {
    process.kill(this.#pid, 'SIGCONT')
  }
}

async function renderers(devtools: CDPSession): Promise<number[]> {
  const { processInfo } = await devtools.send('SystemInfo.getProcessInfo')
  return processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id)
}

/** The one of these that leads, once one does. */
async function leaderOf(tabs: readonly TabOfItsOwn[]): Promise<TabOfItsOwn> {
  let leader: TabOfItsOwn | undefined
  await until('a leader', async () => {
    const leads = await Promise.all(tabs.map(({ tab }) => tab.leads()))
    leader = tabs[leads.indexOf(true)]
    return leader !== undefined
  })
  return leader!
}
