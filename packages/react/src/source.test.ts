import { connect } from '@syncline/client'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Source } from './source.js'

let url = ''
let tests = 0

beforeEach(() => {
  vi.useFakeTimers()
  // a connection that one test leaves open is no other's
  url = `ws://${++tests}.test`
})

afterEach(() => void vi.useRealTimers())

test('makes no connection before it is needed, and one however many need it', () => {
  const source = Source.to(url, { online: false })
  expect(source.connection).toBeNull()
  const leave = source.use()
  const { connection } = source
  source.use()
  source.open('a')
  expect(source.connection).toBe(connection)
  leave()
})

test('closes its own connection after the last user and the last document have gone', async () => {
  const source = Source.to(url, { online: false })
  const leave = source.use()
  const connection = source.connection!
  const leaveDocument = source.open('a').use()
  leave()
  await vi.advanceTimersByTimeAsync(1_000)
  expect(connection.state).toBe('offline')
  leaveDocument()
  await vi.advanceTimersByTimeAsync(1_000)
  expect(connection.state).toBe('closed')
  expect(source.connection).toBeNull()
})

test('leaves the application’s connection open', async () => {
  const connection = connect(url, { online: false })
  const source = Source.of(connection)
  source.use()()
  source.open('a').use()()
  await vi.advanceTimersByTimeAsync(1_000)
  expect(connection.state).toBe('offline')
  expect(source.document('a')).toBeNull()
  expect(Source.of(connection)).toBe(source)
})

test('a user who comes back at once finds the same document, and the same connection', async () => {
  const source = Source.to(url, { online: false })
  const [leave, leaveDocument] = [source.use(), source.open('a').use()]
  const { connection } = source
  const { handle } = source.open('a')
  leave()
  leaveDocument()
  leaveDocument()
  source.use()
  source.open('a').use()
  await vi.advanceTimersByTimeAsync(10_000)
  expect(source.connection).toBe(connection)
  expect(source.open('a').handle).toBe(handle)
  expect(handle.status.connection).toBe('offline')
})

test('what a render asked for, and never used, is given back', async () => {
  const source = Source.to(url, { online: false })
  const { handle } = source.open('a')
  const connection = source.connection!
  await vi.advanceTimersByTimeAsync(60_000)
  expect(handle.status.connection).toBe('closed')
  expect(connection.state).toBe('closed')
})

test('an attempt that was thrown away leaves its connection to the next one', () => {
  const options = { online: false, identity: 'ada' }
  const thrownAway = Source.to(url, options)
  const connection = thrownAway.connect()
  expect(Source.to(url, { ...options }).connection).toBe(connection)
  expect(Source.to(url, { online: false }).connection).toBeNull()
  expect(Source.to('ws://other.test', options).connection).toBeNull()
})

test('a document that is in memory alone stays, and comes back with its edits', async () => {
  const source = Source.to(url, { online: false })
  source.use()
  const document = source.open('a')
  const leave = document.use()
  document.handle.awareness.setLocalStateField('user', 'Ada')
  document.handle.doc.getText('text').insert(0, 'typed')
  leave()
  await vi.advanceTimersByTimeAsync(60_000)
  expect(document.handle.awareness.getLocalState()).toBeNull()
  const back = source.open('a')
  expect(back.handle.doc.getText('text').toString()).toBe('typed')
  expect(back.handle.status).toMatchObject({ connection: 'offline', unkept: 1 })
  back.use()
  expect(back.handle.awareness.getLocalState()).toEqual({})
})

test('a name that can be none is refused with the client’s error', () => {
  const source = Source.to(url, { online: false })
  expect(() => source.open('')).toThrow(expect.objectContaining({ code: 'invalid_name' }))
})

/** What a suspended render throws. */
function thrown(run: () => void): unknown {
  try {
    run()
    return null
  } catch (error) {
    return error
  }
}

test('a suspended render waits for one promise; what nobody asks for again is given back', async () => {
  const source = Source.to(url, { online: false })
  source.use()
  const document = source.open('a')
  const promise = thrown(() => document.demand('content'))
  expect(promise).toBeInstanceOf(Promise)
  expect(thrown(() => document.demand('content'))).toBe(promise)
  await vi.advanceTimersByTimeAsync(30_000)
  await promise
  const again = thrown(() => document.demand('content'))
  expect(again).toBeInstanceOf(Promise)
  expect(again).not.toBe(promise)
  await vi.advanceTimersByTimeAsync(40_000)
  expect(document.handle.status.connection).toBe('closed')
})

test('with content, or loaded where that is enough, nothing is waited for', async () => {
  const source = Source.to(url, { online: false })
  const document = source.open('a')
  await thrown(() => document.demand('loaded'))
  expect(thrown(() => document.demand('loaded'))).toBeNull()
  document.handle.doc.getText('text').insert(0, 'typed')
  await thrown(() => document.demand('content'))
  expect(thrown(() => document.demand('content'))).toBeNull()
})

test('a document that can’t come throws the client’s error', async () => {
  const source = Source.to(url, { online: false })
  const document = source.open('a')
  const promise = thrown(() => document.demand('synced'))
  await document.handle.close()
  await promise
  expect(thrown(() => document.demand('synced'))).toMatchObject({ code: 'closed' })
})
