import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, Locator } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectHonesty, type Person, startDemo } from '../browser/demo.js'
import { launchBrowser, withoutBrowser } from '../support/browser.js'
import { readText } from '../support/tree.js'
import { until } from '../support/until.js'

/** How a test uses a page on which one types lines of text. */
interface TextPage {
  /** what takes the keyboard's focus */
  readonly editor: string
  /** each line of the text; other people's cursors in it are left out */
  readonly lines: string
  /** what shows the name of somebody else at their cursor */
  readonly cursor: string
}

const prose = { editor: '[contenteditable=true]', lines: '[contenteditable=true] > *' }
const textPages: Record<string, TextPage> = {
  prosemirror: { ...prose, cursor: '.ProseMirror-yjs-cursor' },
  tiptap: { ...prose, cursor: '.caret' },
  quill: { ...prose, editor: '.ql-editor', lines: '.ql-editor > *', cursor: '.ql-cursor-name' },
  lexical: { ...prose, cursor: '.lexical-cursors > span > span:last-child' },
  blocknote: { editor: '.bn-editor', lines: '.bn-block-content', cursor: '.bn-collaboration-cursor__label' },
  codemirror: { editor: '.cm-content', lines: '.cm-line', cursor: '.cm-ySelectionInfo' },
  monaco: {
    editor: '.monaco-editor textarea, .native-edit-context',
    lines: '.view-line',
    cursor: '.yRemoteSelectionHead',
  },
  form: { editor: 'textarea', lines: 'textarea', cursor: '.field[data-person]' },
}

/** How a test uses a page on which one adds things. */
interface ThingPage {
  add(person: Person, text: string): Promise<void>
  /** what is there, in the order of the page */
  list(person: Person): Promise<readonly string[]>
}

const example = ({ page }: Person, css = '') => page.locator(`[data-testid=example] ${css}`.trim())
const texts = (person: Person, css: string) => example(person, css).allTextContents()

async function addByField(field: Locator, text: string): Promise<void> {
  await field.fill(text)
  await field.press('Enter')
}

const list: ThingPage = {
  add: (person, text) => addByField(person.page.getByLabel('New item'), text),
  list: (person) => texts(person, 'li'),
}

const thingPages: Record<string, ThingPage> = {
  javascript: list,
  react: list,
  vue: list,
  svelte: list,
  cards: {
    add: (person, text) => addByField(person.page.getByLabel('New card in To do'), text),
    list: async (person) => (await texts(person, 'li')).sort(),
  },
  drawing: {
    /** Strokes have no text: where it is drawn is all that tells it. */
    async add(person) {
      const box = (await example(person, 'canvas').boundingBox())!
      const y = box.y + box.height * (person.name === 'Ada' ? 0.3 : 0.6)
      const { mouse } = person.page
      await mouse.move(box.x + 50, y)
      await mouse.down()
      await mouse.move(box.x + 150, y + 40, { steps: 5 })
      await mouse.up()
    },
    async list(person) {
      const count = Number(await example(person, 'canvas').getAttribute('data-strokes'))
      return Array<string>(count).fill('stroke')
    },
  },
}

describe.skipIf(withoutBrowser)('two people at a page of the gallery', { timeout: 60_000 }, () => {
  let browser: Browser

  beforeAll(async () => {
    browser = await launchBrowser()
  })

  afterAll(() => browser?.close())

  async function meet(id: string): Promise<{ ada: Person; bo: Person; both: readonly Person[] }> {
    const demo = await startDemo(browser)
    // the files of the page are kept on a device by test/browser; here that would only take each of these many people time
    const options = { serviceWorkers: 'block' } as const
    const both = await Promise.all(['Ada', 'Bo'].map((name) => demo.open(name, `/gallery/${id}`, options)))
    await everyone(both, (person) => example(person).and(person.page.locator(':not([aria-busy])')).waitFor())
    const [ada, bo] = both as [Person, Person]
    await ada.seesPeople('Ada (you)', 'Bo')
    return { ada, bo, both }
  }

  const everyone = (people: readonly Person[], act: (person: Person) => Promise<unknown>) =>
    Promise.all(people.map(act))
  const click = ({ page }: Person, name: string) => page.getByRole('button', { name, exact: true }).click()

  /** Waits until everybody sees just this. */
  async function see<T>(people: readonly Person[], wanted: T, look: (person: Person) => Promise<T>): Promise<void> {
    for (const person of people) {
      let seen: T | undefined
      const matches = async () => {
        seen = await look(person)
        return JSON.stringify(seen) === JSON.stringify(wanted)
      }
      await until(`${person.name} to see ${JSON.stringify(wanted)}`, matches, { seen: () => seen })
    }
  }

  test.each(Object.entries(textPages))(
    '%s: type at once, see cursors, undo their own, offline and back',
    async (id, how) => {
      const { ada, bo, both } = await meet(id)
      const editorOf = (person: Person) => example(person, how.editor).first()
      await everyone(both, (person) => editorOf(person).waitFor({ state: 'attached' }))

      /** What is on the page, without empty lines. */
      const lines = async (person: Person): Promise<string[]> => {
        const found = await example(person, how.lines).evaluateAll((elements, cursor) => {
          // Monaco draws lines in any order, each at its height
          const top = (element: Element) => element.getBoundingClientRect().top
          return elements
            .sort((a, b) => top(a) - top(b))
            .flatMap((element) => {
              if (element instanceof HTMLTextAreaElement) return element.value.split('\n')
              const copy = element.cloneNode(true) as Element
              for (const mark of copy.querySelectorAll(`${cursor}, .cm-ySelectionCaret, .ql-cursor`)) mark.remove()
              return [(copy.textContent ?? '').replace(/[\u2060\ufeff\u200b]/g, '').replaceAll('\u00a0', ' ')]
            })
        }, how.cursor)
        return found.filter((line) => line !== '')
      }
      const reads = (people: readonly Person[], wanted: readonly string[]) => see(people, wanted as string[], lines)

      /** The names at the cursors of others. */
      const names = async (person: Person): Promise<string[]> => {
        const found = await example(person, how.cursor).evaluateAll((marks) =>
          marks.map((mark): string => {
            const drawn = getComputedStyle(mark, '::after').content
            if (mark instanceof HTMLElement && mark.dataset.person) return mark.dataset.person
            if (drawn.startsWith('"') && drawn !== '""') return JSON.parse(drawn)
            return mark.textContent?.replaceAll('\u2060', '').trim() ?? ''
          }),
        )
        // selections may have marks without a name
        return found.filter((name) => name !== '')
      }

      /** Whether somebody's cursor is drawn at the end of a line; where it is drawn over the text, whether it is at all. */
      const seesAtEnd = async (person: Person, name: string, line: number): Promise<boolean> => {
        if (!(await names(person)).includes(name)) return false
        return example(person, how.cursor)
          .first()
          .evaluate(
            (mark, { css, line }) => {
              const lines = [...document.querySelectorAll(css)]
              const index = lines.findIndex((candidate) => candidate.contains(mark))
              if (index === -1 || lines[index]!.matches('label, textarea')) return true
              const rest = document.createRange()
              rest.setStartAfter(mark)
              rest.setEndAfter(lines[index]!)
              return index === line && rest.toString().replace(/[\u2060\ufeff]/g, '') === ''
            },
            { css: `[data-testid=example] ${how.lines}`, line },
          )
          .catch(() => false) // drawn anew in that moment
      }

      /** Puts the cursor at the end of a line, counted from 0. */
      const goTo = async (person: Person, line: number) => {
        const other = person === ada ? bo : ada
        await editorOf(person).focus()
        // an editor that is taking up the focus, or draws the cursor of another in that moment, loses a key
        await until(`${person.name} to be at the end of line ${line}`, async () => {
          await person.press('Control+Home', ...Array<string>(line).fill('ArrowDown'), 'End')
          for (let look = 0; look < 30; look++) if (await seesAtEnd(other, person.name, line)) return true
          return false
        })
      }

      await editorOf(ada).focus()
      await ada.type('ada')
      await reads(both, ['ada'])
      await goTo(bo, 0)
      await bo.press('Enter')
      await bo.type('bo')
      await reads(both, ['ada', 'bo'])
      await see([ada], ['Bo'], names)
      await see([bo], ['Ada'], names)

      // a cursor behind everything stays behind everything
      await goTo(ada, 0)
      await Promise.all([ada.type('-at-the-same-time'), bo.type('-as-the-other')])
      const all = ['ada-at-the-same-time', 'bo-as-the-other']
      await reads(both, all)
      await see([ada], ['Bo'], names)
      await everyone(both, (person) => person.sees('saved'))
      await takePicture(id, ada)

      await until('Ada to take back all of hers', async () => {
        await click(ada, 'Undo')
        return !(await lines(ada)).join().includes('ada')
      })
      await reads(both, ['bo-as-the-other'])
      await until('Ada to do it again', async () => {
        await click(ada, 'Redo')
        return (await lines(ada)).join().includes(all[0]!)
      })
      await reads(both, all)
      await editorOf(ada).focus()
      await ada.press('Control+z')
      await until('the keys to take back as the button does', async () => !(await lines(bo)).includes(all[0]!))
      await click(ada, 'Redo')
      await reads(both, all)

      await goTo(bo, 1)
      await goTo(ada, 0)
      await click(ada, 'Go offline')
      await ada.sees('offline')
      await Promise.all([ada.type('-alone'), bo.type('-meanwhile')])
      await reads([ada], [`${all[0]}-alone`, all[1]!])
      await reads([bo], [all[0]!, `${all[1]}-meanwhile`])
      await click(ada, 'Go online')
      await everyone(both, (person) => person.sees('saved'))
      await reads(both, [`${all[0]}-alone`, `${all[1]}-meanwhile`])
      await expectHonesty(...both)
    },
  )

  test.each(Object.entries(thingPages))('%s: add at once, undo their own, offline and back', async (id, how) => {
    const { ada, bo, both } = await meet(id)
    const shows = (people: readonly Person[], ...wanted: string[]) =>
      see(people, id === 'drawing' ? wanted.map(() => 'stroke') : [...wanted].sort(), async (person) =>
        [...(await how.list(person))].sort(),
      )

    await Promise.all([how.add(ada, 'amber'), how.add(bo, 'basalt')])
    await shows(both, 'amber', 'basalt')
    await everyone(both, (person) => person.sees('saved'))
    await takePicture(id, ada)
    await click(ada, 'Undo')
    await shows(both, 'basalt')
    await click(ada, 'Redo')
    await shows(both, 'amber', 'basalt')

    await click(ada, 'Go offline')
    await ada.sees('offline')
    await Promise.all([how.add(ada, 'chalk'), how.add(bo, 'dolomite')])
    await shows([ada], 'amber', 'basalt', 'chalk')
    await shows([bo], 'amber', 'basalt', 'dolomite')
    await click(ada, 'Go online')
    await shows(both, 'amber', 'basalt', 'chalk', 'dolomite')
    await everyone(both, (person) => person.sees('saved'))
    await see([bo], await how.list(ada), async (person) => [...(await how.list(person))])
    await expectHonesty(...both)
  })

  test('move cards, the same one at once as well: none is ever doubled or lost', async () => {
    const { ada, bo, both } = await meet('cards')
    const column = (person: Person, name: string) =>
      person.page.getByRole('list', { name, exact: true }).getByRole('listitem').allTextContents()
    const add = thingPages.cards!.add
    for (const text of ['amber', 'basalt', 'chalk']) await add(ada, text)
    await see(both, ['amber', 'basalt', 'chalk'], (person) => column(person, 'To do'))

    await click(ada, 'Go offline')
    await ada.sees('offline')
    await ada.page.getByRole('listitem').filter({ hasText: 'amber' }).press('Alt+ArrowDown')
    await bo.page.getByRole('listitem').filter({ hasText: 'amber' }).press('Alt+ArrowRight')
    await see([ada], ['basalt', 'amber', 'chalk'], (person) => column(person, 'To do'))
    await see([bo], ['amber'], (person) => column(person, 'Doing'))
    await click(ada, 'Go online')
    await everyone(both, (person) => person.sees('saved'))
    await see(both, ['amber', 'basalt', 'chalk'], async (person) => [...(await thingPages.cards!.list(person))].sort())
    await see([bo], await column(ada, 'To do'), (person) => column(person, 'To do'))

    await ada.page
      .getByRole('listitem')
      .filter({ hasText: 'chalk' })
      .dragTo(ada.page.getByRole('heading', { name: 'Done' }))
    await see(both, ['chalk'], (person) => column(person, 'Done'))
    await ada.page.getByRole('listitem').filter({ hasText: 'chalk' }).press('Enter')
    await ada.page.getByLabel('Text of the card').fill('chalk and flint')
    await ada.press('Enter')
    await see(both, ['chalk and flint'], (person) => column(person, 'Done'))
    await ada.press('Delete')
    await see(both, [], (person) => column(person, 'Done'))
  })

  test('see each other’s pens, and draw with the keyboard', async () => {
    const { ada, bo } = await meet('drawing')
    const pens = (person: Person) =>
      example(person, '.pens .pen').evaluateAll((found) => found.map((pen) => (pen as HTMLElement).dataset.name))
    await example(ada, 'canvas').focus()
    await ada.press('ArrowRight', 'Space', 'ArrowRight', 'ArrowDown', 'Space')
    await see([bo], ['Ada'], pens)
    await see([bo], '1', (person) => example(person, 'canvas').getAttribute('data-strokes').then(String))
  })

  test('are two in one window, side by side', async () => {
    const demo = await startDemo(browser)
    const ada = await demo.open('Ada', '/gallery/prosemirror')
    await ada.page.getByRole('link', { name: 'Gallery' }).click()
    await ada.page.getByRole('link', { name: 'ProseMirror, side by side' }).click()
    const [left, right] = ['Left', 'Right'].map((name) => ada.page.getByRole('region', { name }))
    await left!.locator('.ProseMirror').click()
    await ada.type('seen at once')
    await ada.press('Enter')
    await right!.getByText('seen at once').waitFor()
    // as long as a finger takes: ProseMirror takes up the focus meanwhile
    await right!.locator('.ProseMirror > p').nth(1).click({ delay: 90 })
    await ada.type('on both sides')
    await left!.locator('.ProseMirror > p').nth(1).getByText('on both sides').waitFor()
    await left!.locator('.ProseMirror-yjs-cursor').getByText('Right').waitFor()
    for (const side of [left, right]) await side!.getByText('All changes saved').waitFor()
    await takePicture('side-by-side', ada)
    await ada.page.getByRole('link', { name: 'One pane' }).click()
    await example(ada, '.ProseMirror').getByText('seen at once').waitFor()
  })
})

/** Where SYNCLINE_PICTURES names a folder, leaves a picture of the page there, and others of it in the dark and on a phone. */
async function takePicture(name: string, { page }: Person): Promise<void> {
  const folder = process.env.SYNCLINE_PICTURES
  if (!folder) return
  mkdirSync(folder, { recursive: true })
  const size = page.viewportSize()!
  await page.screenshot({ path: join(folder, `${name}.png`) })
  await page.emulateMedia({ colorScheme: 'dark' })
  await page.screenshot({ path: join(folder, `${name}-dark.png`) })
  await page.setViewportSize({ width: 390, height: 844 })
  await page.screenshot({ path: join(folder, `${name}-phone.png`) })
  await page.setViewportSize(size)
  await page.emulateMedia({ colorScheme: null })
}

function exampleIds(): string[] {
  return [...readText('demo/src/gallery/pages.ts').matchAll(/\bpage\(\s*'([a-z]+)'/g)].map(([, id]) => id!)
}

test('every page of the gallery has a test', () => {
  expect(exampleIds().sort()).toEqual([...Object.keys(textPages), ...Object.keys(thingPages)].sort())
})

test('every page is short enough to copy: some 40 lines without its imports', () => {
  const linesMax = 45
  const lengths = exampleIds().map((id) => {
    const code = readText(`demo/src/gallery/${id}.ts`).replace(/^import [^']*'[^']*'\n/gm, '')
    return [id, code.split('\n').filter((line) => !/^\s*(\/\/.*|\/?\*.*)?$/.test(line)).length] as const
  })
  expect(lengths.filter(([, lines]) => lines > linesMax)).toEqual([])
  expect(lengths.length).toBeGreaterThan(10)
})
