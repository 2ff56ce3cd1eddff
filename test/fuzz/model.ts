import * as encoding from 'lib0/encoding'
import * as Y from 'yjs'
import type { Chance } from '../support/sessions.js'

type Id = readonly [client: number, clock: number]

/** A struct in parts that can be changed one by one. */
interface Struct {
  kind: number
  /** bits that are written beside those that follow from the rest */
  bits: number
  origin: Id | null
  right: Id | null
  parent: string | Id
  key: string | null
  /** all that comes after the references */
  content: Uint8Array
}

interface Section {
  client: number
  clock: number
  structs: Struct[]
  /** how many structs more are announced than there are */
  lie: number
}

/** An update in parts that can be changed one by one. */
interface Model {
  sections: Section[]
  deletes: { client: number; ranges: [clock: number, length: number][] }[]
  lie: number
}

/** Changes what an update says, then perhaps its bytes: what comes of it is near to what Yjs writes. */
export function mutated(update: Uint8Array, known: ReadonlyMap<number, number>, chance: Chance): Uint8Array {
  if (chance.happens(0.15)) return damaged(update, chance)
  const model = parse(update)
  for (let times = 1 + chance.int(3); times > 0; times--) change(model, known, chance)
  const written = write(model)
  return chance.happens(0.15) ? damaged(written, chance) : written
}

/** Changes some bytes, as a fault or an attacker would. */
export function damaged(bytes: Uint8Array, chance: Chance): Uint8Array {
  const changed = [...bytes]
  for (let times = 1 + chance.int(3); times > 0; times--) {
    const at = chance.int(changed.length + 1)
    switch (chance.int(7)) {
      case 0:
        changed[at] = chance.int(256)
        break
      case 1:
        changed[at] = (changed[at] ?? 0) ^ (1 << chance.int(8))
        break
      case 2:
        changed.splice(at, chance.int(6))
        break
      case 3:
        changed.splice(at, 0, ...chance.pick(strangeNumbers))
        break
      case 4: {
        const from = chance.int(changed.length + 1)
        changed.splice(at, chance.int(4), ...changed.slice(from, from + chance.int(12)))
        break
      }
      case 5:
        changed.length = at
        break
      default:
        changed[at] = chance.pick([0, 1, 2, 7, 10, 0x1f, 0x27, 0x7f, 0x80, 0x84, 0xc4, 0xed, 0xff])
    }
  }
  return Uint8Array.from(changed, (byte) => byte ?? 0)
}

const repeat = (byte: number, times: number) => new Array<number>(times).fill(byte)

/** Varints that have led readers astray: 2^53 - 1, 2^53, Infinity, NaN, longer than needed, without an end. */
const strangeNumbers: readonly (readonly number[])[] = [
  [...repeat(0xff, 7), 0x0f],
  [...repeat(0x80, 7), 0x10],
  [...repeat(0x80, 146), 0x7f],
  [...repeat(0x80, 200), 0],
  [0x82, 0],
  repeat(0xff, 16),
]

function parse(update: Uint8Array): Model {
  const { structs, ds } = Y.decodeUpdate(update)
  const sections: Section[] = []
  for (const struct of structs) {
    const { client, clock } = struct.id
    if (sections.at(-1)?.client !== client) sections.push({ client, clock, structs: [], lie: 0 })
    sections.at(-1)!.structs.push(structOf(struct))
  }
  const deletes = [...ds.clients].map(([client, ranges]) => ({
    client,
    ranges: ranges.map(({ clock, len }): [number, number] => [clock, len]),
  }))
  return { sections, deletes, lie: 0 }
}

function structOf(struct: Y.Item | Y.GC | { readonly length: number }): Struct {
  const bare = { bits: 0, origin: null, right: null, parent: 'text', key: null }
  if (!(struct instanceof Y.Item)) {
    return { ...bare, kind: struct instanceof Y.GC ? 0 : 10, content: varUint(struct.length) }
  }
  const { origin, rightOrigin, parentSub, content } = struct
  const parent = struct.parent as unknown as string | Y.ID | null
  const encoder = new Y.UpdateEncoderV1()
  content.write(encoder, 0)
  return {
    kind: content.getRef(),
    bits: 0,
    origin: origin && [origin.client, origin.clock],
    right: rightOrigin && [rightOrigin.client, rightOrigin.clock],
    parent: parent === null || typeof parent === 'string' ? (parent ?? 'text') : [parent.client, parent.clock],
    key: parentSub,
    content: encoding.toUint8Array(encoder.restEncoder),
  }
}

function write({ sections, deletes, lie }: Model): Uint8Array {
  const encoder = encoding.createEncoder()
  const uint = (number: number) => encoding.writeVarUint(encoder, number)
  uint(Math.max(0, sections.length + lie))
  for (const section of sections) {
    uint(Math.max(0, section.structs.length + section.lie))
    uint(section.client)
    uint(section.clock)
    for (const struct of section.structs) writeStruct(encoder, struct)
  }
  uint(deletes.length)
  for (const { client, ranges } of deletes) {
    uint(client)
    uint(ranges.length)
    for (const range of ranges) for (const number of range) uint(number)
  }
  return encoding.toUint8Array(encoder)
}

function writeStruct(encoder: encoding.Encoder, { kind, bits, origin, right, parent, key, content }: Struct): void {
  const isItem = kind !== 0 && kind !== 10
  const references = (origin ? 0x80 : 0) | (right ? 0x40 : 0) | (key === null ? 0 : 0x20)
  encoding.writeUint8(encoder, kind | ((isItem ? references : 0) ^ bits))
  if (isItem) {
    for (const number of [...(origin ?? []), ...(right ?? [])]) encoding.writeVarUint(encoder, number)
    if (!origin && !right) {
      encoding.writeVarUint(encoder, typeof parent === 'string' ? 1 : 0)
      if (typeof parent === 'string') encoding.writeVarString(encoder, parent)
      else for (const number of parent) encoding.writeVarUint(encoder, number)
      if (key !== null) encoding.writeVarString(encoder, key)
    }
  }
  encoding.writeUint8Array(encoder, content)
}

function change(model: Model, known: ReadonlyMap<number, number>, chance: Chance): void {
  const id = (): Id => {
    const clients = [...known.keys(), ...model.sections.map(({ client }) => client), 77]
    const client = chance.pick(clients)
    return [client, chance.happens(0.9) ? chance.int((known.get(client) ?? 0) + 3) : strange(chance)]
  }
  const section = model.sections.length > 0 ? chance.pick(model.sections) : null
  const way = chance.int(10)
  if (section === null || way === 0) return changeDeletes(model, id, chance)
  if (way <= 2) return changeSections(model, section, id, chance)
  if (section.structs.length === 0) return
  changeStruct(section, chance.int(section.structs.length), id, chance)
}

function changeDeletes({ deletes }: Model, id: () => Id, chance: Chance): void {
  const [client, clock] = id()
  const length = chance.happens(0.8) ? 1 + chance.int(4) : strange(chance)
  if (deletes.length === 0 || chance.happens(0.5)) deletes.push({ client, ranges: [[clock, length]] })
  else if (chance.happens(0.8)) chance.pick(deletes).ranges.push([clock, length])
  else deletes.splice(chance.int(deletes.length), 1)
}

function changeSections(model: Model, section: Section, id: () => Id, chance: Chance): void {
  const { sections } = model
  switch (chance.int(8)) {
    case 0:
      section.client = id()[0]
      break
    case 1:
      section.clock = Math.max(0, section.clock + chance.int(5) - 2)
      break
    case 2:
      section.clock = id()[1]
      break
    case 3:
      sections.splice(sections.indexOf(section), 1)
      break
    case 4:
      sections.splice(chance.int(sections.length + 1), 0, structuredClone(section))
      break
    case 5:
      sections.sort((a, b) => b.client - a.client)
      break
    case 6:
      section.lie = chance.int(3) - 1
      break
    default:
      model.lie = chance.int(3) - 1
  }
}

function changeStruct({ client, clock, structs }: Section, at: number, id: () => Id, chance: Chance): void {
  const struct = structs[at]!
  const near = (): Id => (chance.happens(0.85) ? id() : [client, clock + at])
  switch (chance.int(12)) {
    case 0:
      struct.origin = chance.happens(0.8) ? near() : null
      break
    case 1:
      struct.right = chance.happens(0.8) ? near() : null
      break
    case 2:
      struct.parent = chance.happens(0.6) ? near() : chance.pick(['text', 'map', 'array', 'xml', '', '__proto__'])
      struct.origin = struct.right = null
      break
    case 3:
      struct.key = chance.happens(0.6) ? chance.pick(['k', 'key', '__proto__', '']) : null
      break
    case 4:
      struct.bits = 1 << chance.int(8)
      break
    case 5:
      Object.assign(struct, {
        kind: chance.pick([0, 1, 10]),
        content: varUint(chance.happens(0.7) ? 1 + chance.int(4) : strange(chance)),
      })
      break
    case 6: {
      const { kind, content } = chance.pick(structs)
      Object.assign(struct, { kind, content })
      break
    }
    case 7:
      struct.content = damaged(struct.content, chance)
      break
    case 8:
      structs.splice(at, 1)
      break
    case 9:
      structs.splice(chance.int(structs.length + 1), 0, structuredClone(struct))
      break
    case 10:
      structs.splice(at, 0, { ...struct, kind: chance.pick([0, 10]), content: varUint(1 + chance.int(3)) })
      break
    default:
      struct.kind = chance.int(16)
  }
}

function strange(chance: Chance): number {
  return chance.pick([0, 1, 2 ** 31, 2 ** 32, 2 ** 40, Number.MAX_SAFE_INTEGER - 1, Number.MAX_SAFE_INTEGER])
}

function varUint(number: number): Uint8Array {
  const encoder = encoding.createEncoder()
  encoding.writeVarUint(encoder, number)
  return encoding.toUint8Array(encoder)
}
