import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import * as Y from 'yjs'
import { seededRandom } from './random.js'

/** At a position, so many characters go and this text comes. Positions count UTF-16 units, as Yjs does. */
export type Edit = readonly [position: number, deleted: number, inserted: string]

/** What one person typed. */
export interface SequentialTrace {
  /** where it comes from, for the output of a test */
  readonly origin: string
  readonly endContent: string
  readonly edits: readonly Edit[]
}

/** What one of two authors types between two moments at which one of them sees something new of the other. */
export interface Turn {
  /** the first so many turns of the other author are in the replica on which this one is typed, and no more */
  readonly knows: number
  readonly edits: readonly Edit[]
}

/**
 * What two people typed at once. Where both insert at the same place, Yjs puts the text of the smaller client id first:
 * `endContent` is what results where the first author has the smaller one.
 */
export interface ConcurrentTrace {
  readonly origin: string
  readonly endContent: string
  readonly authors: readonly [readonly Turn[], readonly Turn[]]
}

/** A transaction of a recording: it applies to what merging its parents gives. */
interface Transaction {
  readonly parents: readonly number[]
  readonly agent: number
  readonly patches: readonly Edit[]
}

const collection = 'josephg/editing-traces (CC BY 4.0)'
const folder = process.env.SYNCLINE_TRACES ?? fileURLToPath(new URL('../../../shared/traces', import.meta.url))

/** A recording of one person from josephg/editing-traces, or, where it is not at hand, one that is made from a seed. */
export function loadSequentialTrace(name: string): SequentialTrace {
  const recorded = readTrace(name)
  if (recorded === null) return makeSequentialTrace(1, 60_000)
  const { startContent, endContent, txns } = recorded
  const start: Edit[] = startContent === '' ? [] : [[0, 0, startContent]]
  const edits = start.concat(txns.flatMap(({ patches }: { patches: Edit[] }) => patches))
  return { origin: `${name} of ${collection}`, endContent, edits }
}

/** A recording of two people at once from the same collection, or one that is made from a seed. */
export function loadConcurrentTrace(name: string): ConcurrentTrace {
  const recorded = readTrace(name)
  if (recorded === null) return makeConcurrentTrace(1, 12_000)
  return { origin: `${name} of ${collection}`, endContent: recorded.endContent, authors: turnsOf(recorded.txns) }
}

/** Null where the recording is not there. */
function readTrace(name: string) {
  const path = join(folder, `${name}.json.gz`)
  if (!existsSync(path)) return null
  const json = gunzipSync(readFileSync(path)).toString('utf8')
  // recordings count code points, Yjs UTF-16 units: the same, as long as no text leaves the basic plane
  if (/\\ud[89ab]|[\ud800-\udfff]/i.test(json))
    throw new Error(`${path} has characters whose positions need converting`)
  return JSON.parse(json)
}

/** Cuts a recording into turns, at the moments at which one of the authors sees something new of the other. */
export function turnsOf(transactions: readonly Transaction[]): [Turn[], Turn[]] {
  const own: [Transaction[], Transaction[]] = [[], []]
  // per transaction, how many of each author's transactions its result contains
  const versions: [number, number][] = []
  const known: [number[], number[]] = [[], []]
  for (const transaction of transactions) {
    const { agent, parents } = transaction
    if (agent !== 0 && agent !== 1) throw new Error(`a recording of two authors has an author ${agent}`)
    const base: [number, number] = [0, 0]
    for (const parent of parents) {
      base[0] = Math.max(base[0], versions[parent]![0])
      base[1] = Math.max(base[1], versions[parent]![1])
    }
    if (base[agent] !== own[agent].length) throw new Error('an author does not know what it typed before')
    known[agent].push(base[1 - agent]!)
    own[agent].push(transaction)
    base[agent]++
    versions.push(base)
  }
  const starts = [startsOf(known[0], known[1]), startsOf(known[1], known[0])] as const
  const turns = (author: 0 | 1): Turn[] =>
    starts[author].map((start, index) => ({
      knows: starts[1 - author]!.filter((other) => other < known[author][start]!).length,
      edits: own[author].slice(start, starts[author][index + 1]).flatMap(({ patches }) => patches),
    }))
  return [turns(0), turns(1)]
}

/** Where an author's turns start: where it knows more than before, and where the other's knowledge of it ends. */
function startsOf(known: readonly number[], knownByOther: readonly number[]): number[] {
  const seen = new Set(knownByOther)
  return known.flatMap((count, index) => (index === 0 || count !== known[index - 1] || seen.has(index) ? [index] : []))
}

const alphabet = 'eeeeetttaaooiinnsshhrrddlluccmmwwffggyyppbbvvk        ,.\n'

/** One person's typing: mostly on at the cursor, sometimes back, sometimes a paste, now and then elsewhere. */
export function makeSequentialTrace(seed: number, count: number): SequentialTrace {
  const writer = new Writer(seededRandom(seed))
  const edits: Edit[] = []
  let text = ''
  while (edits.length < count) {
    const edit = writer.next(0, text.length)
    text = text.slice(0, edit[0]) + edit[2] + text.slice(edit[0] + edit[1])
    edits.push(edit)
  }
  return { origin: `made from seed ${seed}`, endContent: text, edits }
}

/**
 * Two people's typing, each on one side of a line, each learning late and in lumps what the other typed. As they never
 * insert at the same place, the end does not depend on whose client id is larger.
 */
export function makeConcurrentTrace(seed: number, count: number): ConcurrentTrace {
  const random = seededRandom(seed)
  const line = '\n----\n'
  const authors = [0, 1].map(() => ({ text: new Y.Doc().getText(), writer: new Writer(random), last: -1, known: -1 }))
  const transactions: Transaction[] = []
  const updates: Uint8Array[] = []
  const inbox: [number[], number[]] = [[], []]

  const learn = (agent: number, lumps: number) => {
    for (const index of inbox[agent]!.splice(0, lumps)) {
      Y.applyUpdate(authors[agent]!.text.doc!, updates[index]!)
      authors[agent]!.known = index
    }
  }
  const type = (agent: number, edit: Edit) => {
    const author = authors[agent]!
    author.text.doc!.once('update', (update: Uint8Array) => updates.push(update))
    applyEdit(author.text, edit)
    const parents = [author.last, author.known].filter((index) => index >= 0)
    transactions.push({ parents, agent, patches: [edit] })
    author.last = transactions.length - 1
    inbox[1 - agent]!.push(author.last)
  }

  type(0, [0, 0, line])
  learn(1, 1)
  while (transactions.length < count) {
    const agent = random() < 0.5 ? 0 : 1
    if (random() < 0.3) learn(agent, Math.floor(random() * 60))
    const { text, writer } = authors[agent]!
    for (let left = 1 + Math.floor(random() * 20); left > 0; left--) {
      const at = text.toString().indexOf(line)
      type(agent, agent === 0 ? writer.next(0, at) : writer.next(at + line.length, text.length))
    }
  }
  learn(0, Number.POSITIVE_INFINITY)
  return { origin: `made from seed ${seed}`, endContent: authors[0]!.text.toString(), authors: turnsOf(transactions) }
}

/** A person at a keyboard. */
class Writer {
  readonly #random: () => number
  /** counted from the start of the part that is theirs, so that what others type before it moves nothing */
  #cursor = 0

  constructor(random: () => number) {
    this.#random = random
  }

  /** The next edit of a text of which the part from `start` to `end` is theirs. */
  next(start: number, end: number): Edit {
    const chance = this.#random()
    const length = end - start
    if (chance < 0.02) this.#cursor = this.#below(length + 1)
    const at = Math.min(this.#cursor, length)
    if (chance < 0.1 && at > 0) return this.#delete(start, at, 1)
    if (chance < 0.105 && at > 0) return this.#delete(start, at, 1 + this.#below(Math.min(at, 60)))
    return this.#insert(start, at, chance > 0.998 ? 20 + this.#below(200) : 1)
  }

  #insert(start: number, at: number, length: number): Edit {
    this.#cursor = at + length
    return [start + at, 0, Array.from({ length }, () => alphabet[this.#below(alphabet.length)]).join('')]
  }

  #delete(start: number, at: number, length: number): Edit {
    this.#cursor = at - length
    return [start + at - length, length, '']
  }

  #below(bound: number): number {
    return Math.floor(this.#random() * bound)
  }
}

/** Types one edit: a transaction of its own, as a key is. */
export function applyEdit(text: Y.Text, [position, deleted, inserted]: Edit): void {
  text.doc!.transact(() => {
    if (deleted > 0) text.delete(position, deleted)
    if (inserted !== '') text.insert(position, inserted)
  })
}
