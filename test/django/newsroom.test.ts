import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launchBrowser, withoutBrowser } from '../support/browser.js'
import { until } from '../support/until.js'
import { startNewsroom, withoutDjango } from './newsroom.js'

const timeout = 90_000

async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env.SYNCLINE_PICTURES
  if (folder !== undefined) await page.screenshot({ path: join(folder, `django-${name}.png`) })
}

/** Runs in the page: ms from the time at which Django saved the next comment until it is in the page. */
function commentDelay(): Promise<number> {
  const comments = document.getElementById('comments')!
  return new Promise((resolve) => {
    const observer = new MutationObserver(() => {
      const saved = [...comments.querySelectorAll('time')].at(-1)
      if (!saved) return
      observer.disconnect()
      resolve(Date.now() - Date.parse(saved.dateTime))
    })
    observer.observe(comments, { childList: true })
  })
}

describe.skipIf(withoutBrowser || withoutDjango)('a site of Django beside a relay', { timeout }, () => {
  let browser: Browser

  beforeAll(async () => {
    browser = await launchBrowser()
  })

  afterAll(() => browser?.close())

  test('keeps its pages, people and database, and becomes live', async () => {
    const newsroom = await startNewsroom()
    const reader = await newsroom.open(browser, '/times/')
    const text = reader.locator('#text')
    // what the database began it with
    await text.getByText('It was the best of times').waitFor()
    const price = reader.getByLabel('Price')
    await until('a price', async () => /^\d+\.\d\d$/.test((await price.textContent()) ?? ''))
    const firstPrice = (await price.textContent()) ?? ''

    const [ada, ben] = [
      await newsroom.open(browser, '/times/edit', 'ada'),
      await newsroom.open(browser, '/times/edit', 'ben'),
    ]
    for (const page of [ada, ben]) await page.getByRole('textbox', { name: 'Text' }).getByText('best of').waitFor()
    await ada.getByRole('textbox', { name: 'Text' }).click()
    await ada.keyboard.press('Control+Home')
    await ben.getByRole('textbox', { name: 'Text' }).click()
    await ben.keyboard.press('Control+End')
    await Promise.all([
      ada.keyboard.type('Ada says quixotic things. ', { delay: 5 }),
      ben.keyboard.type(' Ben agrees serendipitously.', { delay: 5 }),
    ])
    for (const page of [ada, ben]) {
      await page.getByText('Ada says quixotic things.').waitFor()
      await page.getByText('Ben agrees serendipitously.').waitFor()
      await page.locator('syncline-status').getByText('All changes saved').waitFor()
    }
    await picture(ada, 'edit')
    // the page that was rendered by a template, without a reload
    await text.getByText('Ada says quixotic things').waitFor()
    await text.getByText('Ben agrees serendipitously').waitFor()
    await until('another price', async () => ((await price.textContent()) ?? '') !== firstPrice)

    const delay = reader.evaluate(commentDelay)
    await ben.goto(`${newsroom.site}/times/`)
    await ben.getByLabel('Your comment').fill('Bravo <b>to all</b>')
    await ben.getByRole('button', { name: 'Send' }).click()
    await reader.getByText('Bravo <b>to all</b>').waitFor()
    console.log(`${await delay} ms from saving a comment in Django to another browser's page`)
    await picture(reader, 'article')
    // the search table of the database follows, by webhook
    const search = async (words: string) => (await fetch(`${newsroom.site}/?q=${words}`)).text()
    await until('the search to find it', async () => (await search('quixotic')).includes('Two cities'))
    expect(await search('quixotry')).not.toContain('Two cities')
    await reader.reload()
    await text.getByText('Ben agrees serendipitously').waitFor()
    await reader.getByText('Bravo <b>to all</b>').waitFor()
  })

  test("lets nobody past its own rules, and takes nothing that is not the relay's", async () => {
    const newsroom = await startNewsroom()
    const document = (name: string) => `${newsroom.relay}/api/v1/documents/${encodeURIComponent(name)}`
    const secretPage = await newsroom.open(browser, '/', 'ada')
    const live = async () => (await secretPage.request.get(document('live/plans'))).status()
    await until('the first price', async () => (await live()) === 200)
    await secretPage.goto(`${newsroom.site}/plans/`)
    await secretPage.getByRole('heading', { name: 'Plans' }).waitFor()
    const cy = await newsroom.open(browser, '/times/', 'cy')
    expect((await cy.request.get(`${newsroom.site}/plans/`)).status()).toBe(404)
    expect((await cy.request.get(`${newsroom.site}/times/edit`)).status()).toBe(403)
    // and at the relay, with the cookie of the site
    const statuses = await Promise.all([
      cy.request.get(document('articles/times')),
      cy.request.get(document('articles/plans')),
      cy.request.get(document('live/plans')),
      cy.request.get(document('something/else')),
      cy.request.patch(document('live/times'), {
        headers: { 'Content-Type': 'application/merge-patch+json' },
        data: '{"price":"0"}',
      }),
      cy.request.get(`${newsroom.relay}/api/v1/documents`),
      fetch(document('articles/plans')),
      fetch(document('articles/times'), { headers: { Authorization: 'Bearer made-up' } }),
    ])
    expect(statuses.map((answer) => (typeof answer.status === 'number' ? answer.status : answer.status()))).toEqual([
      200, 403, 403, 403, 403, 403, 401, 401,
    ])
    const forged = { method: 'POST', body: '{"type":"document.changed","data":{"document":"articles/times"}}' }
    for (const path of ['webhook', 'load']) {
      const answer = await fetch(`${newsroom.site}/syncline/${path}`, {
        ...forged,
        headers: {
          'webhook-id': 'msg_1',
          'webhook-timestamp': String(Math.floor(Date.now() / 1_000)),
          'webhook-signature': 'v1,AAAA',
        },
      })
      expect(answer.status).toBe(401)
    }

    // who logs out in one tab is out in all, at once
    const editor = await newsroom.open(browser, '/times/edit', 'ada')
    await editor.getByRole('textbox', { name: 'Text' }).getByText('best of').waitFor()
    const other = await editor.context().newPage()
    await other.goto(`${newsroom.site}/`)
    await other.getByRole('button', { name: 'Log out' }).click()
    await until('the editor to be closed', async () => {
      return (await editor.locator('.tiptap').getAttribute('contenteditable')) === 'false'
    })
    await picture(editor, 'logged-out')
  })
})
