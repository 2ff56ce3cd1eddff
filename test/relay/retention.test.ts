import { chainAfter } from '@syncline/protocol'
import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { until } from '../support/until.js'
import { NativeClient, startRelay, TestClock, TestLog } from './support.js'

const dayMs = 24 * 60 * 60 * 1_000

/** A log with documents that were changed so many days ago. */
async function logOf(ages: Readonly<Record<string, number>>): Promise<TestLog> {
  const log = new TestLog()
  for (const [document, days] of Object.entries(ages)) {
    const doc = new Y.Doc()
    doc.getText().insert(0, document)
    const runs = [{ author: '', update: Y.encodeStateAsUpdate(doc) }]
    const record = { position: 1, chain: chainAfter(0, runs), time: Date.now() - days * dayMs, runs }
    await log.commit([{ document, epoch: '00c0ffee00c0ffee', record }])
  }
  return log
}

test('what nobody has changed for so long is deleted for good, unless somebody has it open', async () => {
  const log = await logOf({ 'drafts/old': 8, 'drafts/open': 8, 'drafts/new': 6, 'notes/old': 31, plan: 99 })
  const clock = new TestClock()
  const deleteAfter = [
    { days: 30, pattern: null },
    { days: 7, pattern: 'drafts/*' },
    { days: null, pattern: 'plan' },
  ]
  const { url, relay, lines } = await startRelay({ clock, deleteAfter }, log)
  const open = relay.document('drafts/open')
  await open.read()
  const stop = open.observe(() => {})
  clock.pass(61_000)
  await until('two to be gone', () => relay.stats().expired === 2, { seen: () => relay.stats().expired })
  expect((await log.list()).map(({ name }) => name)).toEqual(['drafts/new', 'drafts/open', 'plan'])
  expect(lines.filter(({ fields }) => fields.event === 'document_expired').map(({ fields }) => fields)).toEqual([
    { event: 'document_expired', document: 'drafts/old', days: 7 },
    { event: 'document_expired', document: 'notes/old', days: 30 },
  ])
  const client = await NativeClient.connect(url)
  client.ask(1, { type: 'open', name: 'notes/old', resume: null, stateVector: Uint8Array.of(0) })
  expect(await client.hears(1, 'refused')).toMatchObject({ code: 'document_deleted' })

  // an hour later nobody has it open any more
  stop()
  const isClosed = () => {
    clock.pass(1_000)
    return relay.stats().rooms === 0
  }
  await until('it to be closed', isClosed, { seen: () => relay.stats() })
  clock.pass(60 * 60 * 1_000)
  await until('it to be gone as well', () => relay.stats().expired === 3)
})
