import { afterEach, expect, test, vi } from 'vitest'
import * as Y from 'yjs'
import type { LiveDocument } from '../../documents/liveDocument.js'
import { Feeds } from './feed.js'

afterEach(() => void vi.restoreAllMocks())

/** Follows so many parts of a document, of which each takes so long to look at; says how long they rest after a change. */
async function restsOf(count: number, lookMs: number): Promise<number[]> {
  let now = 0
  vi.spyOn(performance, 'now').mockImplementation(() => now)
  const doc = new Y.Doc()
  const observers: { changed(): void }[] = []
  const document = {
    isOver: false,
    point: { epoch: 'e', position: 1 },
    observe: (observer: { changed(): void }) => {
      observers.push(observer)
      return () => {}
    },
    read: async <T>(look: (doc: Y.Doc, point: object) => T) => {
      now += lookMs
      return look(doc, document.point)
    },
  }
  const timers: { readonly ms: number; readonly call: () => void }[] = []
  const after = (ms: number, call: () => void) => {
    timers.push({ ms, call })
    return () => {}
  }
  const feeds = new Feeds({ now: () => now, after })
  for (let i = 0; i < count; i++) await feeds.open(document as unknown as LiveDocument, `/part${i}`)
  for (const { changed } of observers) changed()
  const rests: number[] = []
  for (const { call } of timers.splice(0)) {
    call()
    await new Promise(setImmediate)
    for (const { ms } of timers.splice(0)) rests.push(ms)
  }
  return rests
}

test('a part that is followed is looked at for a tenth of the time, and many of them for half of it together', async () => {
  expect(await restsOf(1, 10)).toEqual([]) // not longer than it waits anyway
  expect(await restsOf(1, 40)).toEqual([350])
  expect(await restsOf(100, 10)).toEqual(new Array(100).fill(1_950))
})
