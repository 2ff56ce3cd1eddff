import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launchBrowser, withoutBrowser } from '../support/browser.js'
import { until } from '../support/until.js'
import { watched } from '../support/watch.js'
import { type Demo, expectHonesty, type Kind, type Person, startDemo } from './demo.js'

const timeout = 60_000 // after an outage the longest backoff may have to pass

describe.skipIf(withoutBrowser)('two people in two browsers', { timeout }, () => {
  let browser: Browser

  beforeAll(async () => {
    browser = await launchBrowser()
  })

  afterAll(() => browser?.close())

  /** Ada and Bo have a document of two lines open, each with the cursor at the end of a line of their own. */
  async function meet(kind: Kind): Promise<{ demo: Demo; path: string; ada: Person; bo: Person }> {
    const demo = await startDemo(browser)
    const path = `/${kind}/minutes`
    await demo.write(path.slice(1), ['Ada: ', 'Bo: '])
    const [ada, bo] = await Promise.all([demo.open('Ada', path), demo.open('Bo', path)])
    // one after the other: where the cursor of another is drawn anew in the moment of a key, ProseMirror loses the key
    await ada.seesCursors({ name: 'Bo', before: '', after: 'Ada: ' })
    await ada.goToLine(0)
    await bo.seesCursors({ name: 'Ada', before: 'Ada: ', after: '' })
    await bo.goToLine(1)
    await ada.seesCursors({ name: 'Bo', before: 'Bo: ', after: '' })
    return { demo, path, ada, bo }
  }

  /** Somebody who was not there before reads the same, from what the relay has on its disk. */
  async function expectNewcomerReads(demo: Demo, path: string, lines: readonly string[]): Promise<void> {
    const newcomer = await demo.open('Cy', path)
    await newcomer.reads(lines)
    await expectHonesty(newcomer)
  }

  describe.each(['text', 'code'] as const)('with a %s document', (kind) => {
    test('type at once, and see each other, each other’s cursors and names', async () => {
      const { ada, bo } = await meet(kind)
      await ada.seesPeople('Ada (you)', 'Bo')
      await bo.seesPeople('Bo (you)', 'Ada')

      await Promise.all([ada.type('what was laid down last'), bo.type('lies deepest in the trough')])
      await Promise.all([ada.sees('saved'), bo.sees('saved')])
      const lines = ['Ada: what was laid down last', 'Bo: lies deepest in the trough']
      await Promise.all([ada.reads(lines), bo.reads(lines)])
      await ada.seesCursors({ name: 'Bo', before: lines[1]!, after: '' })
      await bo.seesCursors({ name: 'Ada', before: lines[0]!, after: '' })

      await bo.press('Home', 'ArrowRight', 'ArrowRight')
      await ada.seesCursors({ name: 'Bo', before: 'Bo', after: ': lies deepest in the trough' })

      await bo.page.getByLabel('Your name').fill('Bo Bryson')
      await bo.press('Enter')
      await ada.seesPeople('Ada (you)', 'Bo Bryson')
      await bo.goToLine(0)
      await ada.seesCursors({ name: 'Bo Bryson', before: lines[0]!, after: '' })

      await expectHonesty(ada, bo)
      await bo.leave()
      await ada.seesPeople('Ada (you)')
      await ada.seesCursors()
    })

    // a caret that is empty and can't be edited, as a widget may be, would stop Chromium's End key
    test('walk past each other’s cursors with the keyboard', async () => {
      const { ada, bo } = await meet(kind)
      await bo.press('Control+Home')
      await ada.seesCursors({ name: 'Bo', before: '', after: 'Ada: ' })
      await ada.press('Control+Home')
      await bo.seesCursors({ name: 'Ada', before: '', after: 'Ada: ' })
      await ada.press('End')
      await bo.seesCursors({ name: 'Ada', before: 'Ada: ', after: '' })
      await ada.press('Home', 'ArrowRight')
      await bo.seesCursors({ name: 'Ada', before: 'A', after: 'da: ' })
      await ada.press('ArrowLeft', 'ArrowDown', 'ArrowUp', 'ArrowRight', 'ArrowRight')
      await bo.seesCursors({ name: 'Ada', before: 'Ad', after: 'a: ' })
    })

    test('type at once in the same place: nothing is lost, doubled or out of order', async () => {
      const { demo, path, ada, bo } = await meet(kind)
      await bo.goToLine(0)
      await Promise.all([ada.type('abcdefghijklmnopqrstuvwxyz'), bo.type('ABCDEFGHIJKLMNOPQRSTUVWXYZ')])
      await Promise.all([ada.sees('saved'), bo.sees('saved')])
      await until('both to read the same', async () => String(await ada.lines()) === String(await bo.lines()))
      const lines = await ada.lines()
      const typed = lines[0]!.replace('Ada: ', '')
      expect([typed.replace(/[A-Z]/g, ''), typed.replace(/[a-z]/g, '')], typed).toEqual([
        'abcdefghijklmnopqrstuvwxyz',
        'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
      ])
      await expectNewcomerReads(demo, path, lines)
      await expectHonesty(ada, bo)
    })

    test('go on while the relay is dead, are told how much is kept where, and then that it is saved', async () => {
      const { demo, path, ada, bo } = await meet(kind)
      await Promise.all([ada.type('before, '), bo.type('before, ')])
      await Promise.all([ada.sees('saved'), bo.sees('saved')])
      await Promise.all([ada, bo].map((person) => person.reads(['Ada: before, ', 'Bo: before, '])))

      await demo.killRelay()
      await Promise.all([ada.type('in between, '), bo.type('!')])
      await ada.seesOffline('in between, '.length)
      await bo.seesOffline(1)
      await bo.type('!!')
      await bo.seesOffline(3)
      await ada.reads(['Ada: before, in between, ', 'Bo: before, '])
      await bo.reads(['Ada: before, ', 'Bo: before, !!!'])
      await ada.seesPeople('Ada (you)')

      await demo.relay.start()
      await Promise.all([ada.sees('saved'), bo.sees('saved')])
      const lines = ['Ada: before, in between, ', 'Bo: before, !!!']
      await Promise.all([ada.reads(lines), bo.reads(lines)])
      await ada.seesCursors({ name: 'Bo', before: lines[1]!, after: '' })
      await bo.seesCursors({ name: 'Ada', before: lines[0]!, after: '' })
      await expectNewcomerReads(demo, path, lines)

      await Promise.all([ada.type('after'), bo.type('!')])
      await Promise.all([ada.sees('saved'), bo.sees('saved')])
      await Promise.all([ada, bo].map((person) => person.reads([`${lines[0]}after`, `${lines[1]}!`])))
      await expectHonesty(ada, bo)
      expect((await ada.history()).map(({ state }) => state)).toEqual(expect.arrayContaining(['saving', 'offline']))
    })

    test('take back their own edits only', async () => {
      const { ada, bo } = await meet(kind)
      await ada.type('mine')
      await bo.type('THEIRS')
      await bo.seesCursors({ name: 'Ada', before: 'Ada: mine', after: '' })
      await bo.goToLine(0)
      await bo.type('?!')
      const all = ['Ada: mine?!', 'Bo: THEIRS']
      await Promise.all([ada.reads(all), bo.reads(all)])

      await ada.repeat('Undo')
      await Promise.all([ada, bo].map((person) => person.reads(['Ada: ?!', 'Bo: THEIRS'])))
      await ada.repeat('Redo')
      await Promise.all([ada.reads(all), bo.reads(all)])
      await bo.repeat('Undo')
      await Promise.all([ada, bo].map((person) => person.reads(['Ada: mine', 'Bo: '])))
      await ada.press('Control+z')
      await Promise.all([ada, bo].map((person) => person.reads(['Ada: ', 'Bo: '])))
      await Promise.all([ada.sees('saved'), bo.sees('saved')])
      await expectHonesty(ada, bo)
    })
  })

  test('do not stop typing while the relay is killed and started again', async () => {
    const { demo, path, ada, bo } = await meet('text')
    const halves = ['the relay goes while this is typed, ', 'and comes back while this is']
    const type = (half: string) => Promise.all([ada.type(half), bo.type(half.toUpperCase())])

    const first = type(halves[0]!)
    await until('some of it to be typed', async () => (await ada.lines())[0]!.length > 15)
    await demo.killRelay()
    await first
    await Promise.all([ada.sees('offline'), bo.sees('offline')])
    await Promise.all([type(halves[1]!), demo.relay.start()])

    await Promise.all([ada.sees('saved'), bo.sees('saved')])
    const lines = [`Ada: ${halves.join('')}`, `Bo: ${halves.join('').toUpperCase()}`]
    await Promise.all([ada.reads(lines), bo.reads(lines)])
    await expectNewcomerReads(demo, path, lines)
    await expectHonesty(ada, bo)
  })

  test('come back to a relay that was restarted while nothing was pending', async () => {
    const { demo, path, ada, bo } = await meet('text')
    const lines = ['Ada: ', 'Bo: ']
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      expect(await demo.relay.kill(signal)).toBe(signal === 'SIGTERM' ? 0 : null)
      await Promise.all([ada, bo].map((person) => person.sees('connecting', 'offline')))
      await demo.relay.start()
      await Promise.all([ada.sees('saved'), bo.sees('saved')])

      await Promise.all([ada.type(signal), bo.type(signal)])
      await Promise.all([ada.sees('saved'), bo.sees('saved')])
      for (const index of lines.keys()) lines[index] += signal
      await Promise.all([ada.reads(lines), bo.reads(lines)])
      await ada.seesCursors({ name: 'Bo', before: lines[1]!, after: '' })
    }
    await expectNewcomerReads(demo, path, lines)
    await expectHonesty(ada, bo)
    const counts = (await ada.history()).filter(({ state }) => state === 'offline').map(({ pending }) => pending)
    expect(counts.filter((pending) => pending > 0)).toEqual([])
  })

  test('find what a page called saved, when page and relay died right after', async () => {
    const { demo, path, ada, bo } = await meet('text')
    await bo.leave()
    await ada.type('on the disk')
    await ada.sees('saved')
    await demo.killRelay()
    await ada.leave()
    await demo.relay.start()
    await expectNewcomerReads(demo, path, ['Ada: on the disk', 'Bo: '])
  })

  // each of the tests above has looked for strays in its end
  test('are sent nothing of a document that they have not opened', () => {
    console.log(`${watched.frames} frames and answers to pages: ${watched.seen} canaries of their own documents`)
    expect(watched.seen).toBeGreaterThan(0)
  })
})
