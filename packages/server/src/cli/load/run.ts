import { randomBytes, randomInt } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import * as Y from 'yjs'
import { LoadClient } from './client.js'
import { Histogram, type Spread } from './histogram.js'
import { Person, type Sent } from './person.js'

const tickMs = 5
// after the last edit, for what is on its way
const settleMs = 10_000
const openMs = 30_000
// that many at a time come in
const openingMax = 50

/** What is asked of a relay. */
export interface LoadPlan {
  readonly url: string
  readonly token: string | null
  readonly people: number
  readonly documents: number
  /** edits of each person a second */
  readonly rate: number
  readonly seconds: number
}

/** What came of it. Times are in ms. */
export interface LoadResult {
  readonly people: number
  readonly documents: number
  readonly seconds: number
  readonly edits: number
  readonly editsPerSecond: number
  /** edits that the relay has said to be on disk */
  readonly saved: number
  /** of these, what was not in the documents in the end */
  readonly lost: number
  /** edits that the relay never said to be on disk */
  readonly unsaved: number
  /** people who ended before their time, by why */
  readonly ended: Readonly<Record<string, number>>
  readonly typedToSeen: Spread
  readonly typedToSaved: Spread
  /** documents that are still on the relay: deleting them takes an operator's token */
  readonly left: readonly string[]
}

/** Edits that were called saved, and that a document does not have. @param clocks how far the document goes, by client */
export function lostOf(
  people: readonly { readonly client: number; readonly saved: number }[],
  clocks: ReadonlyMap<number, number>,
): number {
  return people.reduce((sum, { client, saved }) => sum + Math.max(0, saved - (clocks.get(client) ?? 0)), 0)
}

/** Lets people type on a relay, and looks whether everything arrived. */
export async function runLoad(plan: LoadPlan): Promise<LoadResult> {
  const prefix = `load-${randomBytes(4).toString('hex')}`
  const names = Array.from({ length: plan.documents }, (_, index) => `${prefix}/${index + 1}`)
  const measured = { seen: new Histogram(), saved: new Histogram() }
  const sent = names.map((): Sent => new Map())
  const edits = Math.ceil(plan.rate * plan.seconds)
  const people: Person[] = []
  const ended: Record<string, number> = {}
  try {
    for (let first = 0; first < plan.people; first += openingMax) {
      const coming = Array.from({ length: Math.min(openingMax, plan.people - first) }, (_, index) => {
        const document = (first + index) % plan.documents
        const own = { client: randomInt(1, 2 ** 31), edits, sent: sent[document]!, measured }
        return new Person(plan.url, names[document]!, plan.token, own)
      })
      people.push(...coming)
      await within(openMs, Promise.allSettled(coming.map((person) => person.opened())))
    }
    const seconds = await type(people, plan)
    await settled(people)
    for (const { ended: reason } of people) if (reason !== null) ended[reason] = (ended[reason] ?? 0) + 1
    for (const person of people) person.leave()
    const lost = await lostIn(plan, names, people)
    const made = people.reduce((sum, person) => sum + person.edits, 0)
    const saved = people.reduce((sum, person) => sum + person.saved, 0)
    return {
      people: plan.people,
      documents: plan.documents,
      seconds,
      edits: made,
      editsPerSecond: made / seconds,
      saved,
      lost,
      unsaved: made - saved,
      ended,
      typedToSeen: measured.seen.spread,
      typedToSaved: measured.saved.spread,
      left: await remove(plan, names),
    }
  } finally {
    for (const person of people) person.leave()
  }
}

/** Everybody types at the rate, each at a moment of their own; what a late timer has missed is made up for. */
async function type(people: readonly Person[], { rate, seconds }: LoadPlan): Promise<number> {
  const start = performance.now()
  const phases = people.map(() => Math.random())
  for (;;) {
    const passed = (performance.now() - start) / 1_000
    for (const [index, person] of people.entries()) {
      const due = Math.floor(Math.min(passed, seconds) * rate + phases[index]!)
      while (person.edits < due && person.edit()) {}
    }
    if (passed >= seconds) return passed
    await setTimeout(tickMs)
  }
}

async function settled(people: readonly Person[]): Promise<void> {
  const end = performance.now() + settleMs
  const isWaiting = () => people.some(({ ended, edits, saved }) => ended === null && saved < edits)
  while (isWaiting() && performance.now() < end) await setTimeout(tickMs)
}

/** A document that cannot be read has lost all that was called saved. */
async function lostIn(plan: LoadPlan, names: readonly string[], people: readonly Person[]): Promise<number> {
  let lost = 0
  for (const [document, name] of names.entries()) {
    const reader = new LoadClient(plan.url, name, plan.token, { update() {}, saved() {}, ended() {} })
    const update = await within(openMs, reader.opened).catch(() => null)
    reader.leave()
    const clocks = update ? Y.decodeStateVector(Y.encodeStateVectorFromUpdate(update)) : new Map<number, number>()
    const own = people.filter((_, index) => index % plan.documents === document)
    lost += lostOf(own, clocks)
  }
  return lost
}

async function remove({ url, token }: LoadPlan, names: readonly string[]): Promise<string[]> {
  const left: string[] = []
  const headers: Record<string, string> = token === null ? {} : { Authorization: `Bearer ${token}` }
  for (const name of names) {
    const target = new URL(`/api/v1/documents/${encodeURIComponent(name)}`, url)
    const answer = await fetch(target, { method: 'DELETE', headers }).catch(() => null)
    if (answer === null || !(answer.ok || answer.status === 404)) left.push(name)
  }
  return left
}

async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  const timeout = new AbortController()
  const late = setTimeout(ms, undefined, { signal: timeout.signal }).then(() => {
    throw new Error('it takes too long')
  })
  late.catch(() => {})
  return Promise.race([promise, late]).finally(() => timeout.abort())
}
