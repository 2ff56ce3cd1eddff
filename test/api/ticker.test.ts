import { connect as connectTcp, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import * as Y from 'yjs'
import { until } from '../support/until.js'
import { startApi } from './support.js'

const readerCount = 1_000
const intervalMs = 500

/** A reader of events that costs next to nothing: it counts them, and keeps the last piece of what it read. */
class LightReader {
  events = 0
  end = ''
  readonly socket: Socket

  constructor(port: number, path: string) {
    this.socket = connectTcp(port, '127.0.0.1')
    this.socket.setEncoding('latin1').on('data', (text) => this.#read(String(text)))
    this.socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`)
  }

  #read(text: string): void {
    this.events += text.split('event: ').length - 1
    this.end = (this.end + text).slice(-300)
  }
}

test('a ticker of 50 a second reaches 1,000 readers at a bounded rate', async () => {
  const { relay, url } = await startApi()
  const price = relay.document('price', { subject: 'ticker' })
  await price.merge({ quote: { bid: 0 } }, { storing: 'plain' })
  const path = `/api/v1/documents/price/events?mode=patch&interval=${intervalMs}`
  const readers = Array.from({ length: readerCount }, () => new LightReader(Number(new URL(url).port), path))
  onTestFinished(() => {
    for (const { socket } of readers) socket.destroy()
  })
  const opening = performance.now()
  await until('all to read the first price', () => readers.every(({ events }) => events === 1))
  console.log(`${readerCount} readers in ${Math.round(performance.now() - opening)} ms`)
  const before = (await price.read()).position
  const start = performance.now()
  const cpu = process.cpuUsage()
  const ticks: Promise<unknown>[] = []
  for (let tick = 1; tick <= 100; tick++) {
    ticks.push(price.merge({ quote: { bid: tick } }, { storing: 'plain', windowMs: 100 }))
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await Promise.all(ticks)
  await until('all to read the last price', () => readers.every(({ end }) => /\bbid\D+100\b/.test(end)))
  const seconds = (performance.now() - start) / 1_000
  const { user, system } = process.cpuUsage(cpu)
  const edits = (await price.read()).position - before
  const most = Math.max(...readers.map(({ events }) => events)) - 1
  console.log(
    `100 ticks: ${edits} edits, ${most} events for each of ${readerCount} readers, ${user + system} µs of CPU`,
  )
  expect(edits).toBeLessThanOrEqual(2 + seconds * 10)
  expect(most).toBeLessThanOrEqual(2 + (seconds * 1_000) / intervalMs)
}, 60_000)

test('20,000 ticks leave a document as small as one does', async () => {
  const { relay } = await startApi()
  const price = relay.document('price', { subject: 'ticker' })
  // a quote is one plain value, as the README says
  const quote = (tick: number) => ({ prices: { abc: { bid: 10_000 + tick, ask: 20_000 + tick } } })
  await price.merge(quote(0), { storing: 'plain' })
  const sizeOf = async () => (await price.read()).update.length
  const first = await sizeOf()
  for (let tick = 0; tick < 20_000; tick += 1_000) {
    const thousand = Array.from({ length: 1_000 }, (_, i) => price.merge(quote(tick + i), { storing: 'plain' }))
    await Promise.all(thousand)
  }
  const { update, plain } = await price.read()
  expect(plain).toEqual(quote(19_999))
  expect(Y.decodeStateVector(Y.encodeStateVectorFromUpdate(update)).size).toBe(1)
  // clocks and positions are longer numbers by then, and nothing else is
  expect(update.length - first).toBeLessThan(40)
}, 60_000)
