import * as Y from 'yjs'
import { paper } from '../paper.js'
import { clocksOf, textName } from '../updates.js'
import type { ClientMeasure } from './measure.js'
import { Stage } from './stage.js'

const document = 'paper'
// so much is typed after it came: what a device holds is rows, and not one
const typed = 400

/** A page shows the paper: to somebody new, and to somebody who had it before. */
export const clientOpen: ClientMeasure = {
  name: 'client-open',
  title: 'In Chromium: the paper is opened',
  metrics: [
    { key: 'store', label: 'from IndexedDB', unit: 'ms' },
    { key: 'relay', label: 'from the server', unit: 'ms' },
    { key: 'again', label: 'synced, with it in IndexedDB', unit: 'ms' },
  ],
  isInBrowser: true,
  run: (side, isQuick) =>
    Stage.with(side, isQuick, async (stage) => {
      const { doc } = paper()
      const { length } = doc.getText(textName)
      // whoever wrote it stays, so that the server has it in memory
      const writer = await stage.trial.join(document)
      writer.write(Y.encodeStateAsUpdate(doc))
      await stage.trial.read(document, clocksOf(doc))

      const person = await stage.newPerson()
      const first = await stage.newPage(person)
      const opened = await stage.open(first, document)
      const keys = stage.isQuick ? 20 : typed
      await first.evaluate((keys) => synclineBench.type(keys), keys)
      await first.close()

      const again = await stage.open(await stage.newPage(person), document)
      if (opened.length !== length || again.length !== length + keys) throw new Error('a page shows another text')
      return { store: again.loadedMs, relay: opened.syncedMs, again: again.syncedMs }
    }),
}
