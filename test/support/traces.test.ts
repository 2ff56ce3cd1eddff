import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import {
  applyEdit,
  type ConcurrentTrace,
  loadConcurrentTrace,
  loadSequentialTrace,
  makeConcurrentTrace,
  makeSequentialTrace,
  type SequentialTrace,
  turnsOf,
} from './traces.js'

/** In plain strings, without Yjs. */
function replay({ edits }: SequentialTrace): string {
  let text = ''
  for (const [at, deleted, inserted] of edits) text = text.slice(0, at) + inserted + text.slice(at + deleted)
  return text
}

/** On two replicas, which see each other's turns exactly when the trace says so. */
function replayTogether({ authors }: ConcurrentTrace, clientIds: readonly [number, number]): [string, string] {
  const texts = clientIds.map((id) => {
    const doc = new Y.Doc()
    doc.clientID = id
    return doc.getText()
  })
  const typed: [Uint8Array[], Uint8Array[]] = [[], []]
  const known = [0, 0]
  const see = (author: number, turns: number) => {
    for (const update of typed[1 - author]!.slice(known[author], turns)) Y.applyUpdate(texts[author]!.doc!, update)
    known[author] = turns
  }
  const done = () => authors.every((turns, author) => typed[author]!.length === turns.length)
  while (!done()) {
    const author = [0, 1].find((author) => {
      const next = authors[author]![typed[author]!.length]
      return next !== undefined && next.knows <= typed[1 - author]!.length
    })
    if (author === undefined) throw new Error('both authors wait for each other')
    const { knows, edits } = authors[author]![typed[author]!.length]!
    see(author, knows)
    const { doc } = texts[author]!
    const before = Y.encodeStateVector(doc!)
    for (const edit of edits) applyEdit(texts[author]!, edit)
    typed[author]!.push(Y.encodeStateAsUpdate(doc!, before))
  }
  see(0, typed[1].length)
  see(1, typed[0].length)
  return [texts[0]!.toString(), texts[1]!.toString()]
}

describe('a trace', () => {
  test.each(['automerge-paper', 'sveltecomponent'])('of one person ends where it says: %s', (name) => {
    const trace = loadSequentialTrace(name)
    expect(replay(trace)).toBe(trace.endContent)
  })

  test('of two people ends where it says, for both', () => {
    const trace = loadConcurrentTrace('friendsforever')
    expect(replayTogether(trace, [1, 2])).toEqual([trace.endContent, trace.endContent])
  })

  test('that is made from a seed is one too, with typing, deletes and pastes', () => {
    const trace = makeSequentialTrace(7, 5_000)
    expect(replay(trace)).toBe(trace.endContent)
    expect(trace.edits.some(([, deleted]) => deleted > 1)).toBe(true)
    expect(trace.edits.some(([, , inserted]) => inserted.length > 20)).toBe(true)
    expect(makeSequentialTrace(7, 5_000)).toEqual(trace)
  })

  test('that is made from a seed for two has both typing at once, and the end is one, whichever client id is larger', () => {
    for (const seed of [7, 8, 9]) {
      const trace = makeConcurrentTrace(seed, 1_500)
      const unseen = trace.authors.map((turns, author) =>
        turns.filter(({ knows }) => knows < trace.authors[1 - author]!.length),
      )
      expect(Math.min(...unseen.map((turns) => turns.length))).toBeGreaterThan(10)
      expect(replayTogether(trace, [1, 2]), `seed ${seed}`).toEqual([trace.endContent, trace.endContent])
      expect(replayTogether(trace, [2, 1]), `seed ${seed}`).toEqual([trace.endContent, trace.endContent])
    }
  })

  test('is cut into turns where an author sees something new', () => {
    const key = (agent: number, parents: number[], inserted: string) => ({
      agent,
      parents,
      patches: [[0, 0, inserted] as const],
    })
    const turns = turnsOf([key(0, [], 'a'), key(0, [0], 'b'), key(1, [0], 'c'), key(1, [1, 2], 'd'), key(0, [1], 'e')])
    expect(turns).toEqual([
      [
        { knows: 0, edits: [[0, 0, 'a']] },
        { knows: 0, edits: [[0, 0, 'b']] },
        { knows: 0, edits: [[0, 0, 'e']] },
      ],
      [
        { knows: 1, edits: [[0, 0, 'c']] },
        { knows: 2, edits: [[0, 0, 'd']] },
      ],
    ])
  })
})
