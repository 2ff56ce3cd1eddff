import { createServer } from 'node:http'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import * as Y from 'yjs'
import { madeUpUpdate } from './madeUp.js'
import { rehearse } from './rehearse.js'
import { Visitor } from './visitor.js'

describe('a relay that rehearses', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
  afterEach(() => void vi.useRealTimers())

  test('sends all visitors the document, and leaves no timer behind', async () => {
    expect(await rehearse(60_000)).toBe(8)
    expect(vi.getTimerCount()).toBe(0)
  })

  test('gives up a visit that takes too long, and all that would follow', async () => {
    const rehearsal = rehearse(60_000)
    await new Promise((resolve) => setImmediate(resolve)) // the first visitor is on its way
    vi.advanceTimersByTime(60_000)
    expect(await rehearsal).toBe(0)
    expect(vi.getTimerCount()).toBe(0)
  })

  test('goes on without visits where there is no time for them', async () => {
    expect(await rehearse(0)).toBe(0)
    expect(vi.getTimerCount()).toBe(0)
  })
})

test('a visitor whom nobody answers knows it when it has gone', async () => {
  const server = createServer().on('upgrade', () => {})
  const visitor = new Visitor('notes', 1)
  const visit = visitor.visit(server)
  visitor.destroy()
  expect(await visit).toBe(false)
})

test('the document that is made up is one to Yjs: a text of which most is deleted', () => {
  const doc = new Y.Doc()
  Y.applyUpdate(doc, madeUpUpdate(12, 7))
  expect(doc.getText('a').toString()).toBe('a'.repeat(8))
  expect(doc.store.pendingStructs).toBeNull()
  expect(doc.store.pendingDs).toBeNull()
})
