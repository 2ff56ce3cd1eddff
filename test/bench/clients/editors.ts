import * as Y from 'yjs'
import { paper } from '../paper.js'
import { sleep } from '../trial.js'
import { clocksOf, richName, textName } from '../updates.js'
import type { ClientMeasure } from './measure.js'
import { Stage } from './stage.js'

export type EditorName = 'codeMirror' | 'proseMirror'

const keys = 100
// long enough that all of them wait when it is over
const busyMs = 500
const attemptsMax = 5

/** Somebody else types while the page is busy: what it costs an editor to show all of that. */
export const clientEditor: ClientMeasure = {
  name: 'client-editor',
  title: `In Chromium: ${keys} keys of somebody else wait for a busy page with the paper in an editor`,
  metrics: [
    { key: 'proseMirror', label: 'until ProseMirror shows them', unit: 'ms' },
    { key: 'codeMirror', label: 'until CodeMirror shows them', unit: 'ms' },
    { key: 'steps', label: 'changes that the editor was told of', unit: '' },
  ],
  isInBrowser: true,
  run: (side, isQuick) =>
    Stage.with(side, isQuick, async (stage) => {
      const proseMirror = await watch(stage, 'proseMirror')
      const codeMirror = await watch(stage, 'codeMirror')
      return { proseMirror: proseMirror.ms, codeMirror: codeMirror.ms, steps: codeMirror.steps }
    }),
}

async function watch(stage: Stage, editor: EditorName) {
  const document = `paper-${editor}`
  const { doc, type } = editor === 'codeMirror' ? plainPaper() : richPaper()
  const writer = await stage.trial.join(document)
  writer.write(Y.encodeStateAsUpdate(doc))
  await stage.trial.read(document, clocksOf(doc))
  const page = await stage.newPage(await stage.newPerson())
  await stage.open(page, document)
  await page.evaluate((editor) => synclineBench.edit(editor), editor)

  await show() // the first keys warm up what the next ones measure
  const shown = await show()
  await page.close()
  return shown

  async function show(attempt = 1): Promise<{ ms: number; steps: number }> {
    const updates: Uint8Array[] = []
    const note = (update: Uint8Array) => updates.push(update)
    doc.on('update', note)
    for (let i = 0; i < keys; i++) type()
    doc.off('update', note)
    const shown = page.evaluate(([busyMs, expected]) => synclineBench.beBusy(busyMs, Uint8Array.from(expected)), [
      busyMs,
      [...Y.encodeStateVector(doc)],
    ] as const)
    const began = performance.now()
    await sleep(busyMs / 5)
    for (const update of updates) {
      writer.write(update)
      await sleep(1) // a server that gathers them would do what is measured here
    }
    const sentMs = performance.now() - began
    const found = await shown
    // where this process was late they have not waited, and what was measured is how late it was
    if (sentMs < busyMs * 0.8) return found
    if (attempt === attemptsMax) throw new Error(`the keys were sent in ${Math.round(sentMs)} ms`)
    return show(attempt + 1)
  }
}

interface Paper {
  readonly doc: Y.Doc
  /** a key somewhere in the middle */
  type(): void
}

function plainPaper(): Paper {
  const doc = new Y.Doc()
  Y.applyUpdate(doc, Y.encodeStateAsUpdate(paper().doc))
  const text = doc.getText(textName)
  let at = text.length >> 1
  return { doc, type: () => text.insert(at++, 'x') }
}

/** The same text in paragraphs, as editors of rich text have them. */
function richPaper(): Paper {
  const doc = new Y.Doc()
  const paragraphs = paper()
    .doc.getText(textName)
    .toString()
    .split('\n')
    .map((line) => {
      const paragraph = new Y.XmlElement('paragraph')
      if (line !== '') paragraph.insert(0, [new Y.XmlText(line)])
      return paragraph
    })
  doc.getXmlFragment(richName).insert(0, paragraphs)
  const text = paragraphs
    .slice(paragraphs.length >> 1)
    .map((paragraph) => paragraph.firstChild)
    .find((child) => child instanceof Y.XmlText)!
  let at = text.length >> 1
  return { doc, type: () => text.insert(at++, 'x') }
}
