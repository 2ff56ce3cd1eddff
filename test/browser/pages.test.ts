import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launchBrowser, withoutBrowser } from '../support/browser.js'
import { expectHonesty, filesKept, type Person, startDemo } from './demo.js'

const phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 }

const timeout = 60_000 // after an outage the longest backoff may have to pass

describe.skipIf(withoutBrowser)('the pages of the demo', { timeout }, () => {
  let browser: Browser

  beforeAll(async () => {
    browser = await launchBrowser()
  })

  afterAll(() => browser?.close())

  test('list documents live: new ones, their titles, and no more those that were taken off', async () => {
    const demo = await startDemo(browser)
    const [ada, bo] = await Promise.all([demo.open('Ada', '/'), demo.open('Bo', '/')])
    await ada.page.getByText('No documents yet').waitFor()
    await bo.page.getByTestId('new-text').click()
    await ada.list.getByRole('link', { name: 'Untitled text' }).waitFor()
    await bo.editor.waitFor()
    await bo.page.getByLabel('Title').fill('Minutes')
    const link = ada.list.getByRole('link', { name: 'Minutes', exact: true })
    await link.waitFor()
    expect(await link.getAttribute('href')).toBe(new URL(bo.page.url()).pathname)

    await bo.page.getByRole('link', { name: 'All documents' }).click()
    await bo.page.getByTestId('new-code').click()
    await bo.editor.waitFor()
    await bo.page.getByLabel('Title').fill('tides.js')
    await ada.seesListed('tides.js', 'Minutes')

    await link.click()
    await ada.editor.waitFor()
    expect(await ada.page.getByLabel('Title').inputValue()).toBe('Minutes')
    await ada.page.goBack()
    await bo.page.getByRole('link', { name: 'All documents' }).click()
    await bo.list.getByRole('button', { name: 'Rename Minutes' }).click()
    await bo.page.keyboard.type('Minutes of May')
    await bo.press('Enter')
    await ada.seesListed('tides.js', 'Minutes of May')
    await bo.list.getByRole('button', { name: 'Take tides.js off the list' }).click()
    await ada.seesListed('Minutes of May')
    await Promise.all([ada.sees('saved'), bo.sees('saved')])
    await expectHonesty(ada, bo)
  })

  test('count over all documents what is not saved, also of one that was made and left while offline', async () => {
    const demo = await startDemo(browser)
    const ada = await demo.open('Ada', '/text/first')
    // the editor of the other kind is fetched from the start page, while nothing else happens
    const fetched = ada.page.waitForResponse(/code-page/)
    await ada.page.getByRole('link', { name: 'All documents' }).click()
    await (await fetched).finished()
    // and what it is made of is kept on this device a moment later
    await filesKept(ada.page)
    await ada.sees('saved')
    await demo.killRelay()
    await ada.page.getByTestId('new-code').click()
    await ada.editor.waitFor()
    await ada.type('let a')
    const path = new URL(ada.page.url()).pathname
    await ada.page.getByRole('link', { name: 'All documents' }).click()
    await ada.seesOffline('let a'.length + 1) // and the new row of the list
    await demo.relay.start()
    await ada.sees('saved')
    const bo = await demo.open('Bo', path)
    await bo.reads(['let a'])
    await expectHonesty(ada, bo)
  })

  test('leave the keyboard to whoever types a title while the editor is still on its way', async () => {
    const demo = await startDemo(browser)
    const ada = await demo.open('Ada', '/text/first')
    let letCome = () => {}
    const held = new Promise<void>((resolve) => {
      letCome = resolve
    })
    await ada.page.route(/code-page/, (route) => held.then(() => route.continue()))
    await ada.page.goto(`${demo.relay.url}/code/second`)
    const title = ada.page.getByLabel('Title')
    await title.focus()
    await ada.type('tides')
    letCome()
    await ada.editor.waitFor()
    await ada.type('.js')
    expect(await title.inputValue()).toBe('tides.js')
    await ada.reads([''])
  })

  test('say clearly that an address leads nowhere, and why', async () => {
    const demo = await startDemo(browser)
    const ada = await demo.open('Ada', '/')
    for (const [path, reason] of [
      ['/text/a%00b', /name/], // a control character
      [`/text/${'x'.repeat(600)}`, /name/],
      ['/text/', 'There is no page at /text/.'],
      ['/code/%ff', 'There is no page at /code/%ff.'],
      ['/nowhere', 'There is no page at /nowhere.'],
    ] as const) {
      await ada.page.goto(demo.relay.url + path)
      await ada.page.getByRole('heading', { name: 'This address leads nowhere' }).waitFor()
      expect(await ada.page.locator('main p').textContent()).toMatch(reason)
    }
    await ada.page.getByRole('link', { name: 'All documents' }).click()
    await ada.sees('saved')
    await ada.page.getByText('No documents yet').waitFor()
  })

  test('fit on a phone, whatever is written there and also offline', async () => {
    const demo = await startDemo(browser)
    const long = 'A title that goes on and on because nobody could decide what to leave out of it at all'
    await demo.write('text/long', ['word '.repeat(60), 'w'.repeat(300)])
    await demo.write('code/long', [`const words = '${'word '.repeat(60)}'`, `const word = '${'w'.repeat(300)}'`])
    const ada = await demo.open('Ada with a rather long name, of forty let', '/text/long', phone)
    const bo = await demo.open('Bo', '/text/long')
    await bo.page.getByLabel('Title').fill(long)
    await bo.sees('saved')
    for (const path of ['/text/long', '/code/long']) {
      await Promise.all([ada.goTo(path), bo.goTo(path)])
      await bo.press('Control+End')
      await ada.editor.locator('.caret, .cm-ySelectionCaret').waitFor({ state: 'attached' })
      await expectToFit(ada)
    }
    await ada.goTo('/')
    await ada.list.getByRole('link', { name: long }).waitFor()
    await expectToFit(ada)
    await ada.goTo('/text/long')
    await filesKept(ada.page)
    await demo.killRelay()
    await ada.sees('offline')
    await ada.editor.tap()
    await ada.type('x')
    await ada.page.getByText('Offline: 1 change').first().waitFor()
    await expectToFit(ada)
    await ada.page.evaluate(
      (path) => {
        history.pushState(null, '', path)
        dispatchEvent(new PopStateEvent('popstate'))
      },
      `/${'x'.repeat(300)}`,
    )
    await ada.page.getByRole('heading', { name: 'This address leads nowhere' }).waitFor()
    await expectToFit(ada)
  })

  test('name everything that one can use, for those who hear the page', async () => {
    const demo = await startDemo(browser)
    const ada = await demo.open('Ada', '/')
    for (const [kind, buttons] of [
      ['text', 14],
      ['code', 2],
    ] as const) {
      await ada.goTo('/')
      await ada.page.getByTestId(`new-${kind}`).click()
      await ada.editor.waitFor()
      await ada.sees('saved')
      const names = await namesOfControls(ada)
      expect(names).toEqual(
        expect.arrayContaining([
          'link All documents',
          'textbox Title',
          'textbox Your name',
          'button Undo',
          'button Redo',
        ]),
      )
      expect(names.filter((name) => name.startsWith('button')).length).toBeGreaterThanOrEqual(buttons)
    }
    await ada.goTo('/')
    expect(await namesOfControls(ada)).toEqual(
      expect.arrayContaining([
        'button New text',
        'button New code',
        'link Untitled code',
        'button Rename Untitled text',
      ]),
    )
    await ada.page.goto(`${demo.relay.url}/nowhere`)
    await ada.page.getByRole('heading').waitFor()
    expect(await namesOfControls(ada)).toEqual(['link Syncline', 'link All documents'])
  })

  test('read out that the relay is gone, and that all is saved again, and nothing while one types', async () => {
    const demo = await startDemo(browser)
    const ada = await demo.open('Ada', '/text/minutes')
    expect(await accessibilityTree(ada)).toContainEqual(expect.objectContaining({ role: 'status', live: 'polite' }))
    const before = await ada.spoken()
    await ada.type('one two')
    await ada.sees('saved')
    expect(await ada.spoken()).toEqual(before)
    await demo.killRelay()
    await ada.type('!')
    await ada.sees('offline')
    await demo.relay.start()
    await ada.sees('saved')
    const spoken = (await ada.spoken()).slice(before.length)
    expect(spoken).toEqual([expect.stringMatching(/^Offline: /), 'All changes saved'])
  })
})

/** Fails where the page is wider than the screen: a phone would scroll it sideways, or make everything smaller. */
async function expectToFit({ page }: Person): Promise<void> {
  const widths = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth, visualViewport?.width])
  const { width } = phone.viewport
  expect(widths, page.url()).toEqual([width, width, width])
}

interface Told {
  readonly role: string
  readonly name: string
  /** takes the keyboard's focus */
  readonly focusable: boolean
  /** how its changes are read out: `polite`, `assertive` or not at all */
  readonly live: string | undefined
  readonly attributes: readonly string[]
}

/** What the browser tells a screen reader of what can be used on the page, or changes by itself. */
async function accessibilityTree({ page }: Person): Promise<Told[]> {
  const devtools = await page.context().newCDPSession(page)
  const { nodes } = await devtools.send('Accessibility.getFullAXTree')
  const told: Told[] = []
  for (const { ignored, role, name, properties = [], backendDOMNodeId } of nodes) {
    const propertyOf = (wanted: string) => properties.find((property) => property.name === wanted)?.value.value
    const [focusable, live] = [propertyOf('focusable') === true, propertyOf('live')]
    if (ignored || role?.value === 'RootWebArea' || !(focusable || live)) continue
    const { node } = await devtools.send('DOM.describeNode', { backendNodeId: backendDOMNodeId! })
    told.push({ role: role?.value, name: name?.value, focusable, live, attributes: node.attributes ?? [] })
  }
  await devtools.detach()
  return told
}

/** Role and name of everything that takes the keyboard's focus. Fails where there is no name. */
async function namesOfControls(person: Person): Promise<string[]> {
  const names: string[] = []
  for (const { role, name, focusable, attributes } of await accessibilityTree(person)) {
    // what has no role may take the focus from a script, and not be reached by a person
    const isReachable = role !== 'generic' || attributes[attributes.indexOf('tabindex') + 1] !== '-1'
    if (!focusable || !isReachable) continue
    expect(name, `the name of a ${role} with ${attributes.join(' ')}`).toMatch(/\S/)
    names.push(`${role} ${name}`)
  }
  return names
}
