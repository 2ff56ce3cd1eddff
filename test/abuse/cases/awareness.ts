import * as encoding from 'lib0/encoding'
import { type Abuse, byEach } from '../abuse.js'
import { awareness, beyondNumbers, hex, infinity, repeated, written } from '../bytes.js'

const states = (count: number, json = '{}') =>
  awareness(...Array.from({ length: count }, (_, i) => [5_000_000 + i, 1, json] as const))

const raw = (json: Uint8Array) =>
  written((encoder) => {
    for (const number of [1, 5_000_000, 1]) encoding.writeVarUint(encoder, number)
    encoding.writeVarUint8Array(encoder, json)
  })

const malformed: readonly [name: string, message: Uint8Array][] = [
  ['100,000 states', states(100_000)],
  ['2^53 - 1 states announced', hex('ff ff ff ff ff ff ff 0f')],
  ['a state of more than 4 KiB', awareness([5_000_000, 1, JSON.stringify('x'.repeat(4_100))])],
  ['JSON nested 33 times', awareness([5_000_000, 1, '['.repeat(33) + ']'.repeat(33)])],
  ['JSON nested 2,000 times', awareness([5_000_000, 1, `${'{"a":'.repeat(600)}1${'}'.repeat(600)}`])],
  ['a clock of 2^53 - 1', awareness([5_000_000, Number.MAX_SAFE_INTEGER, '{}'])],
  ['a client that lib0 reads as Infinity, and would write for ever', hex(`01 ${infinity} 01 02 7b 7d`)],
  ['a client of 2^53', hex(`01 ${beyondNumbers} 01 02 7b 7d`)],
  ['what is no JSON', awareness([5_000_000, 1, '{'])],
  ['no state', awareness([5_000_000, 1, ''])],
  ['text that is no UTF-8', raw(hex('22 c3 28 22'))],
  ['half a surrogate pair', raw(hex('22 ed a0 80 22'))],
  ['half of a message', states(2).subarray(0, 8)],
  ['bytes behind the end', hex('00 00')],
  ['a client without an end', repeated(hex('80'), 64)],
]

export const presences: readonly Abuse[] = [
  ...malformed.flatMap(([name, message]) =>
    byEach({
      threat: 'awareness flood',
      name,
      attack: (attacker) => attacker.awareness(message),
      outcome: { ended: 'malformed_awareness' },
    }),
  ),
  ...byEach({
    threat: 'awareness flood',
    name: '4,000 clients: 64 are taken',
    document: 'crowd',
    attack: (attacker) => attacker.awareness(states(4_000)),
    outcome: 'served',
  }),
  ...byEach({
    threat: 'awareness flood',
    name: '`__proto__`, an escaped half of a pair and a huge number in a state',
    document: 'crowd',
    attack: (attacker) => {
      attacker.awareness(awareness([5_000_000, 1, '{"__proto__":{"a":1},"b":"\\ud800","c":1e999}']))
    },
    outcome: 'served',
  }),
  ...byEach({
    threat: 'awareness spoof',
    name: 'another state for somebody who is here, at a later clock',
    attack: (attacker, { clientID }) => attacker.awareness(awareness([clientID, 1_000_000, '{"spoofed":true}'])),
    outcome: 'served',
  }),
  ...byEach({
    threat: 'awareness spoof',
    name: 'somebody who is here is said to be gone',
    attack: (attacker, { clientID }) => {
      attacker.awareness(awareness([clientID, 2 ** 31, 'null']))
      attacker.awareness(awareness([clientID, 0, 'null']))
    },
    outcome: 'served',
  }),
]
