import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { joinNative, joinYWebsocket, type NativePerson, type Person } from '../support/clients.js'
import { startRelay } from '../support/relay.js'
import { until } from '../support/until.js'

const documents = ['plan', 'minutes', 'letter', 'list']
const nativesInDocument = 8
const keyMs = 25

/** Somebody who types a word at a time, and numbers them. */
class Typist {
  readonly document: string
  readonly name: string
  #words = 0
  readonly #timer: NodeJS.Timeout

  constructor(person: Person, document: string, name: string) {
    this.document = document
    this.name = name
    this.#timer = setInterval(() => person.text.insert(person.text.length, `${name}-${this.#words++} `), keyMs)
    onTestFinished(() => this.stop())
  }

  get words(): string[] {
    return Array.from({ length: this.#words }, (_, index) => `${this.name}-${index}`)
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}

/** When a person was without the relay, by `performance.now()`; 0 where that has not come yet. */
function watchAbsence({ handle }: NativePerson): { from: number; to: number } {
  const absence = { from: 0, to: 0 }
  handle.on('status', ({ connection }) => {
    if (connection !== 'online') absence.from ||= performance.now()
    else if (absence.from > 0) absence.to ||= performance.now()
  })
  return absence
}

const wordsIn = (text: string) => text.split(' ').filter((word) => word !== '')

test('a rolling restart under load: it says that it drains, spreads who leaves, ends with 0, and nothing is lost', async () => {
  const relay = await startRelay()
  onTestFinished(() => relay.stop())
  const natives = documents.flatMap((document) =>
    Array.from({ length: nativesInDocument }, () => ({ document, person: joinNative(relay, document) })),
  )
  const others = documents.map((document) => ({ document, person: joinYWebsocket(relay, document) }))
  const seats = [...natives, ...others]
  await Promise.all(seats.map(({ person }) => person.synced))
  const typists = seats.map(({ person, document }, index) => new Typist(person, document, `p${index}`))
  await until('everybody to type', () => typists.every(({ words }) => words.length > 10))

  // one who does not read, so that the drain takes as long as it waits for anybody
  const sleeper = new WebSocket(`${relay.webSocketUrl}/y/plan`)
  onTestFinished(() => sleeper.terminate())
  await once(sleeper, 'open')
  sleeper.pause()

  const absences = natives.map(({ person }) => watchAbsence(person))
  const signalledAt = performance.now()
  const code = relay.kill('SIGTERM')
  const readiness = async () => (await (await fetch(`${relay.url}/readyz`)).json()).status
  await until('it to drain', async () => (await readiness()) === 'draining')
  const newcomer = new WebSocket(`${relay.webSocketUrl}/y/plan`)
  const [refused] = await once(newcomer, 'error')
  expect(refused.message).toContain('503')
  expect(await code).toBe(0)
  const drainMs = performance.now() - signalledAt
  expect(drainMs).toBeLessThan(10_000)

  await relay.start()
  const isBack = () => absences.every(({ to }) => to > 0)
  await until('everybody to be back', isBack, { timeoutMs: 45_000, seen: () => absences })
  for (const typist of typists) typist.stop()
  await until('all of it to be saved', () => natives.every(({ person }) => person.handle.status.saved))

  for (const document of documents) {
    const typed = typists.filter((typist) => typist.document === document).flatMap(({ words }) => words)
    const newcomer = joinNative(relay, document)
    await newcomer.synced
    // what y-websocket has typed without the relay comes with its next exchange, and it does not say when
    const held = () => wordsIn(newcomer.text.toString()).toSorted()
    await until('every word to be on the relay', () => held().length >= typed.length, { timeoutMs: 20_000 })
    expect(held()).toEqual(typed.toSorted())
    await newcomer.leave()
  }
  const returns = absences.map(({ to }) => to).toSorted((a, b) => a - b)
  const spreadMs = returns.at(-1)! - returns[0]!
  const longestMs = Math.max(...absences.map(({ from, to }) => to - from))
  const words = typists.reduce((sum, typist) => sum + typist.words.length, 0)
  console.log(
    `${words} words of ${typists.length} people, none lost; the old relay ended after ${drainMs.toFixed(0)} ms; ` +
      `clients of ours came back over ${spreadMs.toFixed(0)} ms, the longest gap was ${longestMs.toFixed(0)} ms`,
  )
  expect(spreadMs).toBeGreaterThan(200)
  await Promise.all(seats.map(({ person }) => person.leave()))
}, 90_000)
