import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startDemo } from '../browser/demo.js'
import { launchBrowser, withoutBrowser } from '../support/browser.js'
import { readText } from '../support/tree.js'
import { until } from '../support/until.js'
import { faintTexts, namelessControls } from './looks.js'

const exampleIds = [...readText('demo/src/gallery/pages.ts').matchAll(/\bpage\(\s*'([a-z]+)'/g)].map(([, id]) => id!)

describe.skipIf(withoutBrowser)('the demo as a product', { timeout: 60_000 }, () => {
  let browser: Browser

  beforeAll(async () => {
    browser = await launchBrowser()
  })

  afterAll(() => browser?.close())

  test('every page has texts that stand out, by day and in the dark, a name for whatever can be used, and fits a phone', async () => {
    const demo = await startDemo(browser)
    await demo.write('text/plan', ['Plan', 'A first line'])
    await demo.write('code/plan', ['const answer = 42 // of all', "export const name = 'plan'"])
    const ada = await demo.open('Ada', '/')
    const faults: string[] = []
    const paths = ['/', '/gallery', '/nowhere', '/text/plan', '/code/plan', '/gallery/tiptap/side-by-side']
    for (const path of [...paths, ...exampleIds.map((id) => `/gallery/${id}`)]) {
      await go(ada.page, path)
      for (const colorScheme of ['light', 'dark'] as const) {
        await ada.page.emulateMedia({ colorScheme })
        for (const found of await faintTexts(ada.page)) faults.push(`${path}, ${colorScheme}: ${found}`)
      }
      await ada.page.emulateMedia({ colorScheme: null })
      for (const found of await namelessControls(ada.page)) faults.push(`${path}: ${found}`)
      if (!(await fitsPhone(ada.page))) faults.push(`${path}: is wider than a phone`)
    }
    expect(faults).toEqual([])
  })

  test('the start page says what it does, and shows it by two people in the same window, with the keyboard alone', async () => {
    const demo = await startDemo(browser)
    const ada = await demo.open('Ada', '/')
    await picture(ada.page, 'start')
    await ada.page.getByRole('button', { name: 'See it live in this window' }).focus()
    await ada.press('Enter')
    const [left, right] = ['Left', 'Right'].map((name) => ada.page.getByRole('region', { name }))
    await left!.locator('.ProseMirror').focus()
    await ada.type('seen on both sides')
    await right!.getByText('seen on both sides').waitFor()
    for (const side of [left, right]) await side!.getByText('All changes saved').waitFor()
    await picture(ada.page, 'start-live')
    expect([...(await faintTexts(ada.page)), ...(await namelessControls(ada.page))]).toEqual([])
    expect(await fitsPhone(ada.page)).toBe(true)
  })

  test('the devtools tell of a document, take it offline, and make its network slow', async () => {
    const demo = await startDemo(browser)
    const [ada, bo] = [await demo.open('Ada', '/text/plan'), await demo.open('Bo', '/text/plan')]
    await ada.page.getByRole('button', { name: 'Devtools' }).focus()
    await ada.press('Enter')
    const panel = ada.page.locator('syncline-devtools')
    await ada.editor.focus()
    await ada.type('seen by the devtools')
    await ada.sees('saved')
    const fact = (name: string) => panel.locator('dl > div').filter({ hasText: name }).locator('dd')
    await shows(fact('Transport'), /^websocket$/)
    await shows(fact('Round trip'), /^\d+(\.\d)? ms$/)
    await shows(fact('Size'), /^[1-9]\d+ B$/)
    await shows(fact('People here'), /^2$/)
    await shows(panel.getByRole('region', { name: 'Last messages' }), /↑ update.+↓ ack|↓ ack.+↑ update/)
    await shows(panel.locator('figcaption'), /^Updates in the last minute: [1-9]\d* sent/)

    await panel.getByLabel('Network').selectOption('Slow: 200 ms, 100 KB/s')
    await ada.type('!')
    await shows(fact('Round trip'), /^[4-9]\d\d ms$/)
    await panel.getByLabel('Network').selectOption('Full speed')

    const offline = panel.getByRole('button', { name: 'Offline' })
    await offline.click()
    await ada.sees('offline')
    await shows(fact('Transport'), /^none$/)
    await ada.editor.focus()
    await ada.press('Control+End')
    await ada.type(' alone')
    await shows(fact('Pending'), /^[1-9]/)
    expect(await panel.getByText('Another tab has the socket').isVisible()).toBe(false)
    expect(await fitsPhone(ada.page)).toBe(true)
    await picture(ada.page, 'devtools')
    for (const colorScheme of ['light', 'dark'] as const) {
      await ada.page.emulateMedia({ colorScheme })
      expect(await faintTexts(ada.page)).toEqual([])
    }
    expect(await namelessControls(ada.page)).toEqual([])
    await offline.click()
    await ada.sees('saved')
    await until('the other to read it', async () => (await bo.lines()).join() === 'seen by the devtools! alone')
    await ada.page.getByRole('button', { name: 'Devtools' }).click()
    expect(await panel.count()).toBe(0)
  })
})

async function go(page: Page, path: string): Promise<void> {
  await page.evaluate((to) => {
    history.pushState(null, '', to)
    dispatchEvent(new PopStateEvent('popstate'))
  }, path)
  await page.waitForFunction(
    () => document.querySelector('#app > .page:not([aria-busy])') && !document.querySelector('[aria-busy=true]'),
  )
}

/** Whether one needs not scroll sideways on a narrow phone. */
async function fitsPhone(page: Page): Promise<boolean> {
  const size = page.viewportSize()!
  await page.setViewportSize({ width: 360, height: 740 })
  const width = await page.evaluate(() => document.documentElement.scrollWidth)
  await page.setViewportSize(size)
  return width <= 360
}

async function shows(place: Locator, pattern: RegExp): Promise<void> {
  let seen: string | null = null
  const matches = async () => {
    seen = await place.textContent()
    return pattern.test(seen ?? '')
  }
  await until(`the panel to show ${pattern}`, matches, { seen: () => seen })
}

/** Where SYNCLINE_PICTURES names a folder, leaves a picture of the page there, and others of it in the dark and on a phone. */
async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env.SYNCLINE_PICTURES
  if (!folder) return
  mkdirSync(folder, { recursive: true })
  const size = page.viewportSize()!
  for (const [suffix, colorScheme, viewport] of [
    ['', 'light', size],
    ['-dark', 'dark', size],
    ['-phone', 'light', { width: 390, height: 844 }],
  ] as const) {
    await page.emulateMedia({ colorScheme })
    await page.setViewportSize(viewport)
    await page.screenshot({ path: join(folder, `${name}${suffix}.png`) })
  }
  await page.setViewportSize(size)
  await page.emulateMedia({ colorScheme: null })
}
