import { type DocumentHandle, memoryStore } from '@syncline/client'
import { describe, expect, onTestFinished, test } from 'vitest'
import * as Y from 'yjs'
import { FakeBrowser } from '../../packages/client/src/testing/fakeTabs.js'
import { until, within } from '../support/until.js'
import { join, startRelay, type TestRelay } from './world.js'

const textOf = ({ doc }: { doc: Y.Doc }) => doc.getText('text')
const stateOf = ({ doc }: { doc: Y.Doc }) => Buffer.from(Y.encodeStateAsUpdate(doc)).toString('hex')

/** A relay takes nothing that is nested so deep. */
const tooDeep = Array.from({ length: 600 }).reduce((inner: unknown) => [inner], 'deep')

/** Tabs of one browser, which share a store. */
function device(relay: TestRelay) {
  const browser = new FakeBrowser()
  const store = memoryStore()
  return {
    store,
    open: (online = true) => {
      const tab = browser.newTab()
      const connection = join(relay, { tabs: tab, store, online })
      return { tab, connection, handle: connection.open('page') }
    },
  }
}

async function twoTabs() {
  const relay = await startRelay()
  const here = device(relay)
  const [a, b] = [here.open(), here.open()]
  textOf(a.handle).insert(0, 'before. ')
  await within('the save', a.handle.saved())
  await until('the other tab', () => textOf(b.handle).toString() === 'before. ')
  return { relay, here, a, b }
}

/** Everything that is shown or set aside, as one text. */
function all(handle: DocumentHandle): string {
  const copy = new Y.Doc()
  Y.applyUpdate(copy, Y.encodeStateAsUpdate(handle.doc))
  for (const { update } of handle.refused) Y.applyUpdate(copy, update)
  expect(copy.store.pendingStructs).toBe(null)
  return copy.getText('text').toString()
}

async function agree(relay: TestRelay, tabs: readonly DocumentHandle[], content: string): Promise<void> {
  await until(
    'equal tabs',
    () => tabs.every((tab) => textOf(tab).toString() === content && tab.status.saved && tab.status.synced),
    { seen: () => tabs.map((tab) => [textOf(tab).toString(), tab.status]) },
  )
  const connection = join(relay)
  const reader = connection.open('page')
  await within('the sync', reader.synced)
  for (const tab of tabs) expect(stateOf(tab)).toBe(stateOf(reader))
  await connection.close()
}

describe('what one of several tabs is refused', () => {
  test('leaves what another tab has typed as it was, also where it had deleted that', async () => {
    const { relay, a, b } = await twoTabs()
    a.connection.goOffline()
    b.connection.goOffline()
    textOf(b.handle).insert(0, 'theirs. ')
    b.handle.doc.getMap('map').set('key', 'theirs')
    await until('the other tab', () => textOf(a.handle).toString() === 'theirs. before. ')
    a.handle.doc.transact(() => {
      textOf(a.handle).delete(0, 8)
      a.handle.doc.getMap('map').set('key', tooDeep)
    })
    await until('the other tab', () => textOf(b.handle).toString() === 'before. ')
    await Promise.all([a.handle.keptLocally(), b.handle.keptLocally()])
    a.connection.goOnline()
    b.connection.goOnline()
    await agree(relay, [a.handle, b.handle], 'theirs. before. ')
    for (const { handle } of [a, b]) expect(handle.doc.getMap('map').get('key')).toBe('theirs')
  })

  test('goes in the others too, and what was typed on it there is set aside with it', async () => {
    const { relay, here, a, b } = await twoTabs()
    a.connection.goOffline()
    b.connection.goOffline()
    textOf(b.handle).insert(0, 'kept. ')
    await until('the other tab', () => textOf(a.handle).toString() === 'kept. before. ')
    a.handle.doc.getMap('map').set('deep', tooDeep)
    textOf(a.handle).insert(14, 'refused. ')
    await until('the other tab', () => textOf(b.handle).toString().endsWith('refused. '))
    textOf(b.handle).insert(19, 'on it, ')
    await Promise.all([a.handle.keptLocally(), b.handle.keptLocally()])
    const replaced = new Set<DocumentHandle>()
    for (const { handle } of [a, b]) handle.on('replaced', () => replaced.add(handle))
    a.connection.goOnline()
    b.connection.goOnline()
    await until('both to be replaced', () => replaced.size === 2)
    await agree(relay, [a.handle, b.handle], 'kept. before. ')
    for (const { handle } of [a, b]) {
      expect(all(handle)).toContain('refu')
      expect(all(handle)).toContain('on it, ')
    }
    expect(a.handle.refused.map(({ update }) => update.length).sort()).toEqual(
      b.handle.refused.map(({ update }) => update.length).sort(),
    )
    // both go on with each other
    textOf(a.handle).insert(0, 'A. ')
    await until('the other tab', () => textOf(b.handle).toString().startsWith('A. '))
    textOf(b.handle).insert(0, 'B. ')
    await agree(relay, [a.handle, b.handle], 'B. A. kept. before. ')
    await until('one socket', () => relay.stats.connections === 1)
    // cursors of replicas that are gone are gone
    await until('two cursors', () => [a, b].every(({ handle }) => handle.awareness.getStates().size === 2))

    await a.connection.close()
    await b.connection.close()
    const later = here.open(false)
    onTestFinished(() => later.connection.close())
    await later.handle.loaded
    expect(textOf(later.handle).toString()).toBe('B. A. kept. before. ')
    expect(all(later.handle)).toContain('on it, ')
  })

  test('is not handed back to it, nor to one that is opened later', async () => {
    const { relay, here, a, b } = await twoTabs()
    b.tab.freeze()
    a.handle.doc.getMap('map').set('deep', tooDeep)
    textOf(a.handle).insert(0, 'refused. ')
    await until('the refusal', () => a.handle.status.refused > 0 && textOf(a.handle).toString() === 'before. ')
    b.tab.thaw()
    const c = here.open()
    await agree(relay, [a.handle, b.handle, c.handle], 'before. ')
    expect(c.handle.doc.getMap('map').size).toBe(0)
    expect([a, b, c].map(({ handle }) => handle.status.refused)).toEqual([2, 2, 2])
    b.handle.dropRefused()
    await until('no refused edits', () => [a, b].every(({ handle }) => handle.status.refused === 0))
    textOf(c.handle).insert(0, 'more. ')
    await agree(relay, [a.handle, b.handle, c.handle], 'more. before. ')
  })

  test('is kept though it dies at once', async () => {
    const { relay, here, a, b } = await twoTabs()
    b.handle.doc.getMap('map').set('deep', tooDeep)
    textOf(b.handle).insert(0, 'refused. ')
    await until('the refusal', () => b.handle.status.refused > 0)
    b.tab.kill()
    await agree(relay, [a.handle], 'before. ')
    await until('the refused edit', () => all(a.handle).includes('refused. '))
    await a.connection.close()
    const later = here.open()
    await within('the sync', later.handle.synced)
    expect(all(later.handle)).toBe('refused. before. ')
    await agree(relay, [later.handle], 'before. ')
  })
})
