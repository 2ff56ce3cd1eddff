import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { request, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import * as Y from 'yjs'
import { joinYWebsocket, TestClock } from '../relay/support.js'
import { until } from '../support/until.js'
import { EventReader } from './events.js'
import { json, jsonPatch, mergePatch, startApi } from './support.js'

/** A value after the events that a reader got: as a reader in another language would have it. */
function valueAfter({ events }: EventReader): unknown {
  const doc = new Y.Doc()
  let value: Record<string, unknown> = {}
  for (const { event, data } of events) {
    if (event === 'value') value = structuredClone(data.value)
    if (event !== 'patch') continue
    for (const { op, path, value: news } of data.patch) {
      const tokens = path.slice(1).split('/')
      // biome-ignore lint/suspicious/noExplicitAny: any JSON
      let parent: any = value
      for (const token of tokens.slice(0, -1)) parent = parent[token]
      const key = tokens.at(-1)
      if (path === '') value = news
      else if (Array.isArray(parent) && op === 'add') parent.splice(Number(key), 0, news)
      else if (Array.isArray(parent) && op === 'remove') parent.splice(Number(key), 1)
      else if (op === 'remove') delete parent[key]
      else parent[key] = news
    }
  }
  doc.destroy()
  return value
}

describe('a document that is followed', () => {
  test('tells its versions, and where a reader left off', async () => {
    const { ask, url } = await startApi()
    await ask('/documents/news', json('PUT', { title: 'a' }))
    const path = `${url}/api/v1/documents/news/events?interval=50`
    const reader = await EventReader.open(path)
    await until('the first event', () => reader.events.length === 1)
    expect(reader.events[0]).toMatchObject({ event: 'changed', data: { position: 1 } })
    await ask('/documents/news', mergePatch({ title: 'b' }))
    await until('the change', () => reader.events.length === 2)
    expect(reader.lastId).toMatch(/^[0-9a-f]{16}-2$/)
    reader.close()
    // nothing new: silence; then what comes
    const again = await EventReader.open(path, reader.lastId)
    await ask('/documents/news', mergePatch({ title: 'c' }))
    await until('the next change', () => again.events.length > 0)
    expect(again.events.map(({ data }) => data.position)).toEqual([3])
    again.close()
    // something new: at once
    const late = await EventReader.open(path, reader.lastId)
    await until('what it missed', () => late.events.length > 0)
    expect(late.events[0]!.data.position).toBe(3)
    late.close()
  })

  test('tells changes as JSON Patches, which come to what is there', async () => {
    const { ask, url, webSocketUrl } = await startApi()
    await ask('/documents/board', json('PUT', { list: [{ id: 1 }], title: 'x' }))
    const reader = await EventReader.open(`${url}/api/v1/documents/board/events?mode=patch&interval=50`)
    const part = await EventReader.open(`${url}/api/v1/documents/board/events?mode=patch&interval=50&pointer=/list/0`)
    await until('the values', () => reader.events.length === 1 && part.events.length === 1)
    expect(part.events[0]!.data.value).toEqual({ id: 1 })
    const person = joinYWebsocket(webSocketUrl, 'board')
    await until('the first sync', () => person.provider.synced)
    const list = person.doc.getArray<Y.Map<unknown>>('list')
    for (let round = 0; round < 50; round++) {
      list.get(0).set(`key ${round % 7}`, round)
      if (round % 3 === 0) list.push([new Y.Map([['id', round]])])
      if (round % 10 === 9) list.delete(1)
      await ask('/documents/board', jsonPatch([{ op: 'replace', path: '/title', value: `title ${round}` }]))
    }
    const { position } = await (await ask('/documents/board', mergePatch({ title: 'the end' }))).json()
    await until('the last change', () => reader.lastId.endsWith(`-${position}`))
    const read = await (await ask('/documents/board')).json()
    expect(valueAfter(reader)).toEqual(read)
    await until('the part', () => JSON.stringify(valueAfter(part)) === JSON.stringify(read.list[0]))
    expect(reader.events.filter(({ event }) => event === 'value')).toHaveLength(1)
    // it comes back, and is told what it missed
    reader.close()
    await ask('/documents/board', mergePatch({ title: 'after the end' }))
    const again = await EventReader.open(`${url}/api/v1/documents/board/events?mode=patch&interval=50`, reader.lastId)
    await until('what it missed', () => again.events.length > 0)
    expect(['patch', 'value']).toContain(again.events[0]!.event)
    again.close()
    part.close()
  })

  test('reaches many readers at a bounded rate, however fast a ticker writes, and stays small', async () => {
    const { ask, url, relay } = await startApi()
    await ask('/documents/price', json('PUT', { price: { bid: 0 } }))
    const path = `${url}/api/v1/documents/price/events?mode=patch&interval=200`
    const readers = await Promise.all(Array.from({ length: 100 }, () => EventReader.open(path)))
    const start = performance.now()
    const ticks: Promise<Response>[] = []
    for (let tick = 1; tick <= 100; tick++) {
      ticks.push(ask('/documents/price?window=100', mergePatch({ price: { bid: tick } })))
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    const answers = await Promise.all(ticks)
    expect(answers.every(({ status }) => status === 200)).toBe(true)
    const seconds = (performance.now() - start) / 1_000
    const bidOf = (reader: EventReader) => (valueAfter(reader) as { price: { bid: number } }).price.bid
    await until('everybody to read the last price', () => readers.every((reader) => bidOf(reader) === 100))
    for (const reader of readers) expect(reader.events.length).toBeLessThanOrEqual(3 + seconds * 5)
    const { update, position } = await relay.document('price').read()
    expect(position).toBeLessThanOrEqual(3 + seconds * 10)
    expect(Y.decodeStateVector(Y.encodeStateVectorFromUpdate(update)).size).toBe(2)
    expect(update.length).toBeLessThan(200)
    for (const reader of readers) reader.close()
    await until('everybody to have left', () => relay.stats().sessions <= 1)
  })

  test('is let go of when its last reader has left', async () => {
    const clock = new TestClock()
    const { ask, url, relay } = await startApi({ clock })
    await ask('/documents/news', json('PUT', { title: 'a' }))
    for (const mode of ['patch', 'position']) {
      const path = `${url}/api/v1/documents/news/events?mode=${mode}`
      const readers = await Promise.all(Array.from({ length: 5 }, () => EventReader.open(path)))
      await until('all to be served', () => readers.every(({ events }) => events.length === 1))
      await fetch(path, { method: 'HEAD' })
      for (let step = 0; step < 5; step++) clock.pass(11_000)
      expect(relay.stats().sessions).toBe(1)
      for (const reader of readers) reader.close()
    }
    await until('the session to be over', () => {
      clock.pass(11_000)
      return relay.stats().sessions === 0
    })
  })

  test('is not kept for a reader that takes nothing', async () => {
    const { ask, url } = await startApi()
    await ask('/documents/large', json('PUT', { text: '' }))
    const served = new Promise<{ socket: Socket; response: ServerResponse }>((resolve) => {
      const subscriber = (message: unknown) => resolve(message as { socket: Socket; response: ServerResponse })
      subscribe('http.server.request.start', subscriber)
      onTestFinished(() => void unsubscribe('http.server.request.start', subscriber))
    })
    const stuck = request(`${url}/api/v1/documents/large/events?mode=patch&interval=50`)
    onTestFinished(() => void stuck.destroy())
    stuck.on('response', (response) => response.pause())
    stuck.end()
    const { socket, response } = await served
    const waiting = () => socket.writableLength + response.writableLength
    const reader = await EventReader.open(`${url}/api/v1/documents/large/events?mode=patch&interval=50`)
    onTestFinished(() => reader.close())
    const edit = async (round: number) => {
      const text = `${round % 10}`.repeat(200_000)
      expect((await ask('/documents/large', mergePatch({ text }))).status).toBe(200)
      await until('another reader to have it', () => (valueAfter(reader) as { text: string }).text === text)
    }
    let round = 0
    while (waiting() === 0) await edit(round++)
    let waitingMax = 0
    for (const last = round + 20; round < last; round++) {
      await edit(round)
      waitingMax = Math.max(waitingMax, waiting())
    }
    expect(waitingMax).toBeLessThan(1_000_000)
  })

  test('tells that it is deleted, and sends signs of life', async () => {
    const clock = new TestClock()
    const { ask, url } = await startApi({ clock })
    await ask('/documents/news', json('PUT', { title: 'a' }))
    const reader = await EventReader.open(`${url}/api/v1/documents/news/events`)
    await until('the first event', () => reader.events.length === 1)
    await ask('/documents/news', { method: 'DELETE' })
    await until('the end', () => reader.isOver)
    expect(reader.events.at(-1)).toMatchObject({ event: 'end', data: { code: 'document_deleted' } })
    await expect(EventReader.open(`${url}/api/v1/documents/news/events`)).rejects.toThrow('document_deleted')
  })
})

describe('people on a document', () => {
  test('are listed, and a session is ended', async () => {
    const { ask, webSocketUrl } = await startApi()
    await ask('/documents/room', json('PUT', { title: 'a' }))
    expect(await (await ask('/documents/room/sessions')).json()).toEqual({ sessions: [] })
    const person = joinYWebsocket(webSocketUrl, 'room')
    await until('the first sync', () => person.provider.synced)
    const { sessions } = await (await ask('/documents/room/sessions')).json()
    expect(sessions).toEqual([
      { id: expect.any(Number), subject: '', access: 'write', address: '127.0.0.1', since: expect.any(Number) },
    ])
    expect((await ask(`/documents/room/sessions/${sessions[0].id}`, { method: 'DELETE' })).status).toBe(204)
    await until('it to be over for good', () => person.isStopped())
    expect(person.closes.at(-1)!.reason).toContain('session_ended')
    expect(await (await ask('/documents/room/sessions')).json()).toEqual({ sessions: [] })
  })

  test('are seen, and see what the server says, for as long as it says so', async () => {
    const clock = new TestClock()
    const { ask, webSocketUrl } = await startApi({ clock })
    await ask('/documents/room', json('PUT', { title: 'a' }))
    const person = joinYWebsocket(webSocketUrl, 'room')
    await until('the first sync', () => person.provider.synced)
    person.provider.awareness.setLocalState({ user: { name: 'Ada' } })
    const states = async () => {
      const { clients } = await (await ask('/documents/room/awareness')).json()
      return clients.map(({ state }: { state: unknown }) => state)
    }
    await until('Ada to be seen', async () => JSON.stringify(await states()).includes('Ada'))
    const put = await ask('/documents/room/awareness/bot', json('PUT', { state: { user: { name: 'Bot' } }, ttl: 100 }))
    const { client } = await put.json()
    await until('the bot to be seen', () => person.provider.awareness.getStates().has(client))
    await ask('/documents/room/awareness/bot', json('PUT', { state: { user: { name: 'Bot 2' } }, ttl: 100 }))
    await until('its new name', () => person.provider.awareness.getStates().get(client)?.user.name === 'Bot 2')
    expect(await states()).toContainEqual({ user: { name: 'Bot 2' } })
    for (let step = 0; step < 6; step++) clock.pass(15_000)
    expect(await states()).toContainEqual({ user: { name: 'Bot 2' } })
    clock.pass(15_000)
    await until('the bot to be gone', () => !person.provider.awareness.getStates().has(client))
    await ask('/documents/room/awareness/bot', json('PUT', { state: { user: {} } }))
    expect((await ask('/documents/room/awareness/bot', { method: 'DELETE' })).status).toBe(204)
    expect((await ask('/documents/room/awareness/bot', { method: 'DELETE' })).status).toBe(404)
  })
})
