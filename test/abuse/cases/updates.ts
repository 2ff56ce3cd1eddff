import * as encoding from 'lib0/encoding'
import * as Y from 'yjs'
import { type Abuse, byEach, type Threat } from '../abuse.js'
import { beyondNumbers, content, deletions, gap, hex, nestedTypes, repeated, struct, written } from '../bytes.js'

const longest = 'ff ff ff ff ff ff ff 0f' // 2^53 - 1

/** What is refused as an update that nobody's Yjs wrote. */
const malformed: readonly [threat: Threat, name: string, update: Uint8Array][] = [
  ['poison', 'a GC struct of length zero: seven bytes', hex('01 01 02 00 00 00 00')],
  ['poison', 'a string of length zero', content('04', '00')],
  ['poison', 'a struct that is its own origin', struct('84', 'e7 07 05 01 61', '05')],
  ['poison', 'one client in two sections', hex('02 01 02 00 00 01 01 02 01 00 01 00')],
  ['poison', 'sections in ascending order', hex('02 01 02 00 00 01 01 03 00 00 01 00')],
  ['poison', 'a Skip with bits of an item', struct('8a', '02 04 01')],
  ['poison', 'bytes for a prototype', content('08', '01 76 01 09 5f 5f 70 72 6f 74 6f 5f 5f 74 00')],
  ['malformed updates', 'nothing at all', new Uint8Array()],
  ['malformed updates', 'a varint without an end', hex('01 01 80 80 80')],
  ['malformed updates', 'a varint of 200 bytes', hex(`01 01 ${'80 '.repeat(200)} 00 00 00 01 00`)],
  ['malformed updates', 'a varint that is longer than it need be', hex('01 01 82 00 00 00 01 00')],
  ['malformed updates', 'a client of 2^53', hex(`01 01 ${beyondNumbers} 00 00 01 00`)],
  ['malformed updates', 'a clock of 2^53', hex(`01 01 02 ${beyondNumbers} 00 01 00`)],
  ['malformed updates', 'a length that ends beyond 2^53', hex(`01 01 02 01 00 ${longest} 00`)],
  ['malformed updates', 'an origin of 2^53', struct('84', `03 ${beyondNumbers} 01 61`)],
  ['malformed updates', 'a valid struct, then half a delete set', hex('01 01 02 00 04 01 01 74 01 61 01 02')],
  ['malformed updates', 'a deletion of no length', hex('00 01 02 01 00 00')],
  ['malformed updates', '2^52 structs announced', hex('01 80 80 80 80 80 80 80 08 02 00 00 01 00')],
  ['malformed updates', 'a string longer than all that is there', content('04', longest)],
  ['malformed updates', 'bytes behind the end', hex('00 00 00')],
  ['malformed updates', 'a struct of kind 31', content('1f', '01 61')],
  ['malformed updates', 'a shared type of number 7', content('07', '07')],
  ['malformed updates', 'text that is no UTF-8', content('04', '02 c3 28')],
  ['malformed updates', 'half a surrogate pair', content('04', '03 ed a0 80')],
  ['malformed updates', 'an embed that is no JSON', content('05', '01 7b')],
  ['malformed updates', 'an update in the format v2', new Uint8Array(v2())],
  ['deep nesting', 'JSON nested a thousand times', content('05', `d0 0f ${'5b '.repeat(1000)}${'5d '.repeat(1000)}`)],
  ['deep nesting', 'values nested 100,000 times', content('08', `01 ${'75 01 '.repeat(100_000)} 7e`)],
]

function v2(): Uint8Array {
  const doc = new Y.Doc()
  doc.getText('t').insert(0, 'hello')
  return Y.encodeStateAsUpdateV2(doc)
}

/** A row of each key that has a meaning in JavaScript. */
function keys(): Uint8Array {
  const doc = new Y.Doc()
  for (const key of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    doc.getMap('map').set(key, { polluted: true })
    doc.getMap(key).set('polluted', true)
    doc.getText('t').insert(0, 'x', { [key]: { polluted: true } })
  }
  return Y.encodeStateAsUpdate(doc)
}

const twice = (text: string) => hex(`01 01 e7 07 00 04 01 01 74 01 ${Buffer.from(text).toString('hex')} 00`)

export const updates: readonly Abuse[] = [
  ...malformed.flatMap(([threat, name, update]) =>
    byEach({ threat, name, attack: (attacker) => attacker.update(update), outcome: { ended: 'malformed_update' } }),
  ),
  ...byEach({
    threat: 'poison',
    name: 'the seven bytes as the answer to step 1',
    attack: (attacker) => attacker.update(hex('01 01 02 00 00 00 00'), true),
    outcome: { ended: 'malformed_update' },
  }),
  ...byEach({
    threat: 'pending flood',
    name: '4,000 updates that each lack another predecessor',
    attack: (attacker) => {
      for (let i = 0; i < 4_000; i++) attacker.update(gap(10_000 + i))
    },
    outcome: 'resync',
  }),
  ...byEach({
    threat: 'pending flood',
    name: 'gaps called the answer, a hundred times',
    attack: (attacker) => {
      for (let i = 0; i < 100; i++) attacker.update(gap(20_000 + i), true)
    },
    outcome: 'served',
  }),
  ...byEach({
    threat: 'pending flood',
    name: 'a gap after each resync, for ever',
    attack: async (attacker) => {
      for (let i = 0; i < 10 && attacker.ended === null && attacker.closed === null; i++) {
        attacker.update(gap(30_000 + i))
        attacker.update(Uint8Array.of(0, 0), true)
      }
    },
    outcome: (dialect) =>
      dialect === 'native'
        ? { ended: 'too_many_resyncs' }
        : { closed: dialect === 'hocuspocus' ? 4205 : 4500, code: 'too_many_resyncs' },
  }),
  ...byEach({
    threat: 'pending flood',
    name: 'nothing but a hole of 2^52 clocks',
    attack: (attacker) => attacker.update(struct('0a', '80 80 80 80 80 80 80 08')),
    outcome: 'served',
  }),
  ...byEach({
    threat: 'delete-set bomb',
    name: '200,000 ranges',
    attack: (attacker) => attacker.update(deletions(200_000)),
    outcome: { ended: 'update_too_large' },
  }),
  ...byEach({
    threat: 'delete-set bomb',
    name: '2^50 ranges announced',
    attack: (attacker) => attacker.update(hex('00 01 02 80 80 80 80 80 80 80 02 00 01')),
    outcome: { ended: 'malformed_update' },
  }),
  ...byEach({
    threat: 'delete-set bomb',
    name: 'deletions of what nobody has written yet',
    attack: (attacker) => attacker.update(deletions(90_000)),
    outcome: 'resync',
  }),
  ...byEach({
    threat: 'malformed updates',
    name: '500,001 holes',
    attack: (attacker) => attacker.update(holes(500_001)),
    outcome: { ended: 'update_too_large' },
  }),
  ...byEach({
    threat: 'replays',
    name: 'one update 300 times',
    document: 'replayed',
    attack: (attacker) => {
      for (let i = 0; i < 300; i++) attacker.update(twice('a'))
    },
    outcome: 'served',
  }),
  ...byEach({
    threat: 'two contents under one id',
    name: 'the second of them is passed over',
    document: 'doubled',
    attack: (attacker) => {
      attacker.update(twice('a'))
      attacker.update(twice('b'))
    },
    outcome: 'served',
  }),
  ...byEach({
    threat: 'deep nesting',
    name: '6,000 types in each other: taken, and served to whoever opens that document',
    document: 'deep',
    attack: (attacker) => attacker.update(nestedTypes(6_000)),
    outcome: 'served',
  }),
  ...byEach({
    threat: '`__proto__` as a map key',
    name: 'in maps, root types and formatting: taken as any other',
    document: 'keys',
    attack: (attacker) => attacker.update(keys()),
    outcome: 'served',
  }),
  ...byEach({
    threat: 'malformed updates',
    name: 'a GC struct over 2^40 clocks of a stranger: taken, and harms no other',
    document: 'buried',
    attack: (attacker) => attacker.update(struct('00', '80 80 80 80 80 20')),
    outcome: 'served',
  }),
]

function holes(count: number): Uint8Array {
  const head = written((encoder) => {
    for (const number of [1, 2 * count, 2, 0]) encoding.writeVarUint(encoder, number)
  })
  return new Uint8Array(Buffer.concat([head, repeated(hex('00 01 0a 01'), count), Uint8Array.of(0)]))
}
