import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import {
  Chance,
  contentOf,
  integratedState,
  isPending,
  openQuietDoc,
  runSession,
} from '../../../../test/support/sessions.js'
import { defaultLimits } from '../limits.js'
import {
  admitUpdate,
  Coverage,
  decodeStateVector,
  hasSeed,
  mergeUpdates,
  SetAside,
  seedFrom,
  splitUpdate,
} from './index.js'

const firstSeed = Number(process.env.SYNCLINE_SEED ?? 1)
const rounds = Number(process.env.SYNCLINE_ROUNDS ?? 1)
const hex = (update: Uint8Array) => Buffer.from(update).toString('hex')

function forSeeds(count: number, property: (seed: number, chance: Chance) => void): void {
  for (let seed = firstSeed; seed < firstSeed + count * rounds; seed++) {
    try {
      property(seed, new Chance(seed + 4_000_000))
    } catch (error) {
      throw new Error(`SYNCLINE_SEED=${seed}: ${error instanceof Error ? error.message : error}`, { cause: error })
    }
  }
}

function load(updates: readonly Uint8Array[]): Y.Doc {
  const doc = openQuietDoc()
  for (const update of updates) Y.applyUpdate(doc, update)
  return doc
}

/** What a relay makes of updates: its log, as one update, and whether it took all of them completely. */
function relayed(updates: readonly Uint8Array[]): { log: Uint8Array[]; complete: boolean } {
  const coverage = new Coverage()
  const log: Uint8Array[] = []
  let complete = true
  for (const update of updates) {
    const admission = admitUpdate(coverage, update, defaultLimits)
    complete &&= admission.complete
    if (admission.update) log.push(admission.update)
  }
  return { log, complete }
}

describe('what is set aside', () => {
  test('takes along what needs it, and no more: the rest loads, and is what a relay holds', () => {
    let moved = 0
    let stayed = 0
    forSeeds(100, (_seed, chance) => {
      const { edits } = runSession(_seed, 40, false)
      if (edits.length < 3) return
      const known = chance.int(edits.length - 1)
      const [saved, pending] = [edits.slice(0, known), edits.slice(known)]
      const [refused] = pending.splice(chance.int(pending.length), 1)
      const aside = new SetAside()
      aside.add(refused!)
      const needing = aside.addAllThatNeed(pending)
      const rest = pending.filter((_, index) => !needing.includes(index))
      moved += needing.length
      stayed += rest.length
      const doc = load([...saved, ...rest])
      expect(isPending(doc), 'the rest is pending').toBe(false)
      for (const index of needing) {
        expect(isPending(load([...saved, ...rest, pending[index]!])), 'one that could have stayed').toBe(true)
      }
      const { log, complete } = relayed([...saved, ...rest])
      expect(complete).toBe(true)
      expect(hex(integratedState(load(log)))).toBe(hex(integratedState(doc)))
      expect(contentOf(load(log))).toBe(contentOf(doc))
      // on a copy, what was set aside brings everything back
      const copy = load([...saved, ...rest, mergeUpdates([refused!, ...needing.map((index) => pending[index]!)])])
      expect(isPending(copy)).toBe(false)
      expect(hex(Y.encodeStateVector(copy))).toBe(hex(Y.encodeStateVector(load(edits))))
    })
    expect(moved).toBeGreaterThan(50)
    expect(stayed).toBeGreaterThan(50)
  })

  test('leaves a full difference that is complete', () => {
    let left = 0
    forSeeds(150, (seed, chance) => {
      const { docs, edits } = runSession(seed, 40, false)
      const aside = new SetAside()
      aside.add(chance.pick(edits))
      const whole = Y.encodeStateAsUpdate(chance.pick(docs))
      const clean = load([whole])
      if (isPending(clean)) return
      const update = aside.without(whole)
      if (update === null) return
      left++
      const doc = load([update])
      expect(isPending(doc)).toBe(false)
      for (const [client, clock] of decodeStateVector(Y.encodeStateVector(doc))) {
        expect(clock).toBeLessThanOrEqual(Y.getState(clean.store, client))
      }
      expect(aside.isNeededBy(update)).toBe(false)
    })
    expect(left).toBeGreaterThan(30)
  })

  test('is cut out of structs that Yjs has joined, of every kind', () => {
    const doc = new Y.Doc({ gc: false })
    const updates: Uint8Array[] = []
    doc.on('update', (update: Uint8Array) => updates.push(update))
    const [text, array] = [doc.getText('text'), doc.getArray<number>('array')]
    const shownBy = (of: Y.Doc) => JSON.stringify([of.getText('text'), of.getArray('array')])
    for (const typed of ['a', 'ü', '漢', '😀', 'e']) text.insert(text.length, typed)
    for (const item of [1, 2, 3]) array.push([item])
    for (let i = 0; i < 3; i++) text.insert(text.length, 'gone')
    text.delete(text.length - 12, 12)
    for (const [kind, whole] of [doc, load([Y.encodeStateAsUpdate(doc)])]
      .map((each) => Y.encodeStateAsUpdate(each))
      .entries()) {
      for (let kept = 0; kept < updates.length; kept++) {
        const aside = new SetAside()
        for (const update of updates.slice(kept)) aside.add(update)
        const rest = aside.without(whole)
        const [copy, expected] = [load(rest ? [rest] : []), load(updates.slice(0, kept))]
        expect(Y.encodeStateVector(copy), `${kept} of ${kind}`).toEqual(Y.encodeStateVector(expected))
        expect(isPending(copy)).toBe(false)
        // what was deleted later is deleted here as well: that is no part of the structs
        if (kept < updates.length - 4) expect(shownBy(copy)).toBe(shownBy(expected))
        const both = load([...(rest ? [rest] : []), ...updates.slice(kept)])
        expect(shownBy(both)).toBe(shownBy(doc))
      }
    }
  })

  test('is set aside no more once the log has it', () => {
    const doc = new Y.Doc()
    const updates: Uint8Array[] = []
    doc.on('update', (update: Uint8Array) => updates.push(update))
    for (const text of ['a', 'b', 'c']) doc.getText().insert(doc.getText().length, text)
    const aside = new SetAside()
    aside.add(mergeUpdates(updates.slice(1)))
    expect(updates.map((update) => aside.isNeededBy(update))).toEqual([false, true, true])
    aside.has(mergeUpdates(updates.slice(0, 2)))
    expect(updates.map((update) => aside.isNeededBy(update))).toEqual([false, false, true])
    aside.has(Y.encodeStateAsUpdate(doc))
    expect(aside.isEmpty).toBe(true)
  })

  test('that cannot be read takes along what comes later from its client', () => {
    const doc = new Y.Doc()
    const updates: Uint8Array[] = []
    doc.on('update', (update: Uint8Array) => updates.push(update))
    for (const text of ['a', 'b']) doc.getText().insert(doc.getText().length, text)
    const broken = updates[0]!.slice()
    broken[broken.length - 5] = 31
    const aside = new SetAside()
    expect(aside.add(broken)).toBe(true)
    expect(aside.isNeededBy(updates[1]!)).toBe(true)
    expect(aside.add(Uint8Array.of(2, 1))).toBe(false)
  })

  test('of updates that cannot be read, nobody knows what they need', () => {
    const aside = new SetAside()
    expect(aside.addAllThatNeed([Uint8Array.of(9, 9, 9)])).toEqual([0])
  })
})

describe('an update in pieces', () => {
  test('is complete after each of them, and the same in the end', () => {
    let pieces = 0
    forSeeds(100, (seed, chance) => {
      const { docs } = runSession(seed, 60, false)
      const doc = chance.pick(docs)
      if (isPending(doc)) return
      const whole = Y.encodeStateAsUpdate(doc)
      const bytesMax = 64 + chance.int(1_000)
      const parts = splitUpdate(whole, bytesMax)
      pieces += parts.length
      const { log, complete } = relayed(parts)
      expect(complete).toBe(true)
      expect(hex(integratedState(load(log)))).toBe(hex(integratedState(load([whole]))))
      // the longest text of these sessions is one struct of 300 bytes, XML and marks have some more
      for (const part of parts) expect(part.length).toBeLessThanOrEqual(Math.max(bytesMax, 1_000))
    })
    expect(pieces).toBeGreaterThan(200)
  })

  test('of many small structs keeps to the limit', () => {
    const doc = new Y.Doc()
    for (let i = 0; i < 2_000; i++) doc.getText().insert(0, 'x')
    for (let i = 0; i < 500; i++) doc.getText().delete(i, 1)
    const parts = splitUpdate(Y.encodeStateAsUpdate(doc), 500)
    expect(Math.max(...parts.map((part) => part.length))).toBeLessThanOrEqual(500)
    expect(parts.length).toBeLessThan(100)
  })
})

describe('first content', () => {
  const made = (clientID: number, text: string) => {
    const doc = new Y.Doc({ gc: false })
    doc.clientID = clientID
    doc.getText('text').insert(0, text)
    doc.getText('text').insert(2, '-')
    doc.getMap('map').set('list', new Y.Array())
    ;(doc.getMap('map').get('list') as Y.Array<number>).push([1, 2])
    doc.getText('text').delete(0, 1)
    return Y.encodeStateAsUpdate(doc)
  }

  test('is the same bytes whoever made it, under ids that nobody edits with', () => {
    const seed = seedFrom(made(7, 'hello'), 'notes')
    expect(hex(seedFrom(made(4_000_000_000, 'hello'), 'notes'))).toBe(hex(seed))
    expect(hex(seedFrom(seed, 'notes'))).toBe(hex(seed))
    for (const client of decodeStateVector(Y.encodeStateVectorFromUpdate(seed)).keys()) {
      expect(client).toBeGreaterThanOrEqual(2 ** 52)
      expect(Number.isSafeInteger(client)).toBe(true)
    }
    expect([hasSeed(seed), hasSeed(made(7, 'hello'))]).toEqual([true, false])
  })

  test('is another one for other content, and in another document', () => {
    const seeds = [
      seedFrom(made(7, 'hello'), 'notes'),
      seedFrom(made(7, 'hellO'), 'notes'),
      seedFrom(made(7, 'hello'), 'other'),
    ]
    const vectors = seeds.map((seed) => hex(Y.encodeStateVectorFromUpdate(seed)))
    expect(new Set(vectors).size).toBe(3)
  })

  test('holds what it was made from, of every type and of several authors', () => {
    forSeeds(50, (seed) => {
      const { docs } = runSession(seed, 40, false)
      const clean = docs.find((doc) => !isPending(doc))
      if (!clean) return
      const update = Y.encodeStateAsUpdate(clean)
      const copy = load([seedFrom(update, 'x')])
      expect(isPending(copy)).toBe(false)
      expect(contentOf(copy)).toBe(contentOf(load([update])))
    })
  })
})
