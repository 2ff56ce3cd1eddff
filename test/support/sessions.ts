import * as Y from 'yjs'
import { seededRandom } from './random.js'

/** Draws from a seed. */
export class Chance {
  /** A number from 0 up to but not with 1. */
  readonly next: () => number

  constructor(seed: number) {
    this.next = seededRandom(seed)
  }

  /** An integer from 0 up to but not with `below`. */
  int(below: number): number {
    return Math.floor(this.next() * below)
  }

  pick<T>(list: readonly T[]): T {
    return list[this.int(list.length)]!
  }

  /** True with this probability. */
  happens(probability: number): boolean {
    return this.next() < probability
  }

  shuffle<T>(list: readonly T[]): T[] {
    const shuffled = [...list]
    for (let i = shuffled.length - 1; i > 0; i--) {
      const j = this.int(i + 1)
      ;[shuffled[i], shuffled[j]] = [shuffled[j]!, shuffled[i]!]
    }
    return shuffled
  }
}

/** What a generated session left behind. */
export interface Session {
  readonly docs: readonly Y.Doc[]
  /** what the transactions of all authors emitted, in the order in which they were made */
  readonly edits: Uint8Array[]
}

/** Ids as Yjs draws them, small ones, and one that only a seed has. */
const clientIds = [1, 2, 3, 200, 77_777, 2_147_483_647, 2_147_483_648, 3_735_928_559, 4_294_967_295, 2 ** 52 + 12_345]
const plainWords = ['a', 'bc', 'hello ', 'é', 'Ω≈ç', '漢字', '\n', '\u0000', '"\\', '\ufeff', 'x'.repeat(300)]
const words = [...plainWords, '🙂', 'a🙂b', '👩‍👩‍👧']
const keys = ['k', 'key', 'ключ', '__proto__', 'constructor', '']
const marks = [
  { bold: true },
  { bold: null },
  { link: { href: 'https://example.com/?q="é"', n: [1, null, { a: -1.5e-7 }] } },
  { color: 'red', bold: true },
  { size: 12 },
]

/**
 * Several people edit one document of all types and exchange some of what they do, out of order and not all of it:
 * structs and deletions stay pending here and there.
 *
 * @param withPairs whether texts have surrogate pairs: Yjs does not converge where one is split
 */
export function runSession(seed: number, steps = 40, withPairs = true): Session {
  const chance = new Chance(seed)
  const ids = chance.shuffle(clientIds)
  const edits: Uint8Array[] = []
  const people = Array.from({ length: 2 + chance.int(3) }, (_, i) => {
    const person = new Person(ids[i]!, chance, withPairs ? words : plainWords)
    person.doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin !== 'remote') edits.push(update)
    })
    return person
  })
  for (let step = 0; step < steps; step++) {
    const person = chance.pick(people)
    if (chance.happens(0.65)) person.edit()
    else person.receive(chance.pick(people))
  }
  return { docs: people.map((person) => person.doc), edits }
}

/** A document in which every root type of {@link runSession} has its type. */
export function openDoc(options: { gc: boolean; clientID?: number }): Y.Doc {
  const doc = new Y.Doc({ gc: options.gc })
  if (options.clientID !== undefined) doc.clientID = options.clientID
  doc.getText('text')
  doc.getArray('array')
  doc.getMap('map')
  doc.getXmlFragment('xml')
  doc.getText('')
  return doc
}

/** {@link openDoc} without the deletions that Yjs makes of its own to tidy up formatting. */
export function openQuietDoc(gc = false): Y.Doc {
  const doc = openDoc({ gc })
  doc.on('afterTransaction', (transaction) => {
    ;(transaction as unknown as { _needFormattingCleanup: boolean })._needFormattingCleanup = false
  })
  return doc
}

/** What a replica holds, as text: equal for equal replicas, whatever order things came in. */
export function contentOf(doc: Y.Doc): string {
  const roots = [...doc.share].map(([name, type]) => [name, type instanceof Y.Text ? type.toDelta() : type])
  return JSON.stringify(Object.fromEntries(roots), (_, value) => plain(value))
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`
  if (value === undefined) return 'undefined'
  if (ArrayBuffer.isView(value)) return Array.from(value as Uint8Array)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Whether a replica waits for something that what it has refers to. */
export function isPending({ store }: Y.Doc): boolean {
  return store.pendingStructs !== null || store.pendingDs !== null
}

/** The encoded state of a replica without what is pending. */
export function integratedState(doc: Y.Doc): Uint8Array {
  const { pendingStructs, pendingDs } = doc.store
  doc.store.pendingStructs = doc.store.pendingDs = null
  const state = Y.encodeStateAsUpdate(doc)
  Object.assign(doc.store, { pendingStructs, pendingDs })
  return state
}

class Person {
  readonly doc: Y.Doc
  readonly sent: Uint8Array[] = []
  readonly #chance: Chance
  readonly #words: readonly string[]
  readonly #undo: Y.UndoManager
  readonly #received = new Map<Person, number>()

  constructor(clientID: number, chance: Chance, words: readonly string[]) {
    this.#chance = chance
    this.#words = words
    this.doc = openDoc({ gc: chance.happens(0.6), clientID })
    this.doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin !== 'remote') this.sent.push(update)
    })
    const roots = [...this.doc.share.values()]
    this.#undo = new Y.UndoManager(roots, {
      captureTimeout: chance.happens(0.5) ? 0 : 500,
      trackedOrigins: new Set([null]),
    })
  }

  /** Takes from another person what it sent next, or something out of order, or its whole state. */
  receive(from: Person): void {
    const next = this.#received.get(from) ?? 0
    const way = this.#chance.int(6)
    if (way === 0) {
      Y.applyUpdate(this.doc, Y.encodeStateAsUpdate(from.doc, Y.encodeStateVector(this.doc)), 'remote')
    } else if (way === 1 && from.sent.length > 0) {
      Y.applyUpdate(this.doc, this.#chance.pick(from.sent), 'remote')
    } else if (next < from.sent.length) {
      const until = Math.min(from.sent.length, next + 1 + this.#chance.int(4))
      const updates = from.sent.slice(next, until)
      Y.applyUpdate(this.doc, updates.length === 1 ? updates[0]! : Y.mergeUpdates(updates), 'remote')
      this.#received.set(from, until)
    }
  }

  edit(): void {
    const chance = this.#chance
    if (chance.happens(0.12)) {
      if (chance.happens(0.6)) this.#undo.undo()
      else this.#undo.redo()
      return
    }
    const edits = chance.happens(0.75) ? 1 : 1 + chance.int(6)
    this.doc.transact(() => {
      for (let i = 0; i < edits; i++) this.#editType(this.#anyType())
    })
  }

  /** A root type, or one of those inside it. */
  #anyType(): Y.AbstractType<unknown> {
    let type = this.#chance.pick([...this.doc.share.values()]) as Y.AbstractType<unknown>
    for (let depth = 0; depth < 3 && this.#chance.happens(0.6); depth++) {
      const inner = childrenOf(type)
      if (inner.length === 0) break
      type = this.#chance.pick(inner)
    }
    return type
  }

  #editType(type: Y.AbstractType<unknown>): void {
    if (type instanceof Y.Text) this.#editText(type)
    else if (type instanceof Y.Array) this.#editArray(type)
    else if (type instanceof Y.Map) this.#editMap(type)
    else if (type instanceof Y.XmlFragment) this.#editXml(type)
  }

  #editText(text: Y.Text): void {
    const chance = this.#chance
    const at = chance.int(text.length + 1)
    const length = Math.min(text.length - at, 1 + chance.int(4))
    switch (chance.int(8)) {
      case 0:
      case 1:
        return length > 0 ? text.delete(at, length) : undefined
      case 2:
        return length > 0 ? text.format(at, length, chance.pick(marks)) : undefined
      case 3:
        return chance.happens(0.5)
          ? text.insertEmbed(at, { image: 'data:,', alt: chance.pick(this.#words), n: null })
          : text.insertEmbed(at, new Y.Map([['k', 1]]))
      case 4:
        return text.insert(at, chance.pick(this.#words), chance.pick(marks))
      case 5:
        if (text instanceof Y.XmlText || chance.happens(0.3)) return text.setAttribute(chance.pick(keys), this.#value())
        return text.applyDelta([{ retain: at }, { insert: chance.pick(this.#words) }, { insert: '\n' }])
      default:
        return text.insert(at, chance.pick(this.#words))
    }
  }

  #editArray(array: Y.Array<unknown>): void {
    const chance = this.#chance
    const at = chance.int(array.length + 1)
    switch (chance.int(6)) {
      case 0:
        return at < array.length ? array.delete(at, Math.min(array.length - at, 1 + chance.int(3))) : undefined
      case 1:
        return array.insert(at, [this.#type()])
      case 2:
        return array.insert(at, [this.#subdocument(), new Uint8Array([0, 255, 1])])
      case 3:
        return this.#insertJson(array)
      default:
        return array.insert(
          at,
          Array.from({ length: 1 + chance.int(4) }, () => this.#element()),
        )
    }
  }

  #editMap(map: Y.Map<unknown>): void {
    const chance = this.#chance
    const key = chance.pick(keys)
    switch (chance.int(6)) {
      case 0:
        return map.delete(key)
      case 1:
        map.set(key, this.#type())
        return
      case 2:
        map.set(key, chance.happens(0.5) ? this.#subdocument() : new Uint8Array(chance.int(5)))
        return
      case 3:
        return chance.happens(0.2) ? map.clear() : undefined
      default:
        map.set(key, this.#value())
    }
  }

  #editXml(xml: Y.XmlFragment): void {
    const chance = this.#chance
    const at = chance.int(xml.length + 1)
    if (xml instanceof Y.XmlElement && chance.happens(0.3)) {
      if (chance.happens(0.3)) xml.removeAttribute('id')
      else xml.setAttribute(chance.pick(['id', 'class']), chance.pick(this.#words))
    } else if (at < xml.length && chance.happens(0.3)) {
      xml.delete(at, 1)
    } else {
      const nodes = [
        new Y.XmlElement(chance.pick(['p', 'h1', 'é'])),
        new Y.XmlText(chance.pick(this.#words)),
        new Y.XmlHook('hook'),
      ]
      xml.insert(at, [chance.pick(nodes) as Y.XmlElement])
    }
  }

  /** Yjs of today writes no JSON arrays any more, but keeps those that are there. */
  #insertJson(array: Y.Array<unknown>): void {
    const doc = this.doc
    let last = (array as unknown as { _start: Y.Item | null })._start
    while (last?.right) last = last.right as Y.Item
    const id = Y.createID(doc.clientID, Y.getState(doc.store, doc.clientID))
    const content = new Y.ContentJSON([undefined, null, { a: [1, 'é'] }, 'undefined', 1e21].slice(this.#chance.int(5)))
    new Y.Item(id, last, last?.lastId ?? null, null, null, array as Y.AbstractType<unknown>, null, content).integrate(
      doc._transaction!,
      0,
    )
  }

  #type(): Y.Text | Y.Array<unknown> | Y.Map<unknown> | Y.XmlElement | Y.XmlText | Y.XmlFragment {
    const chance = this.#chance
    switch (chance.int(6)) {
      case 0:
        return new Y.Text(chance.pick(this.#words))
      case 1: {
        const array = new Y.Array<unknown>()
        array.push([this.#element()])
        return array
      }
      case 2:
        return new Y.Map([[chance.pick(keys), this.#value()]])
      case 3: {
        const element = new Y.XmlElement('div')
        element.setAttribute('id', '1')
        return element
      }
      case 4:
        return new Y.XmlText(chance.pick(this.#words))
      default:
        return new Y.XmlFragment()
    }
  }

  #subdocument(): Y.Doc {
    const chance = this.#chance
    return new Y.Doc({
      guid: `guid-${chance.int(1000)}`,
      gc: chance.happens(0.5),
      autoLoad: chance.happens(0.5),
      meta: chance.happens(0.5) ? this.#value() : null,
    })
  }

  /** A value that Yjs takes as an element of an array. */
  #element(): unknown {
    const value = this.#value()
    return value === undefined || typeof value === 'bigint' ? null : value
  }

  /** A value of any kind that Yjs can store. */
  #value(depth = 0): unknown {
    const chance = this.#chance
    switch (chance.int(depth < 3 ? 14 : 11)) {
      case 0:
        return null
      case 1:
        return undefined
      case 2:
        return chance.happens(0.5)
      case 3:
        return chance.int(200) - 100
      case 4:
        return chance.pick([0, -0, 2 ** 31, -(2 ** 31), 2 ** 31 - 1, 63, 64, -64, 8191, 8192])
      case 5:
        return chance.pick([0.5, 1.1, -1e300, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])
      case 6:
        return chance.pick([0n, -1n, 2n ** 62n])
      case 7:
        return new Uint8Array([1, 2, 3].slice(chance.int(4)))
      case 8:
      case 9:
      case 10:
        return chance.pick(this.#words)
      case 11:
        return Array.from({ length: chance.int(4) }, () => this.#value(depth + 1))
      default:
        return Object.fromEntries([
          ...Array.from({ length: chance.int(4) }, () => [chance.pick(['k', 'ключ', '']), this.#value(depth + 1)]),
          // bytes here would make a prototype of them, and the document could not be encoded again
          ...(chance.happens(0.1) ? [['__proto__', chance.pick<unknown>([null, 1, { a: 1 }, [2]])]] : []),
        ])
    }
  }
}

function childrenOf(type: Y.AbstractType<unknown>): Y.AbstractType<unknown>[] {
  const values: unknown[] =
    type instanceof Y.Map
      ? [...type.values()]
      : type instanceof Y.Array || type instanceof Y.XmlFragment
        ? type.toArray()
        : []
  return values.filter((value) => value instanceof Y.AbstractType) as Y.AbstractType<unknown>[]
}
