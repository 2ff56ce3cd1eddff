import { messageTypes } from '../../../packages/protocol/src/messages/wire.js'
import { type Abuse, byEach } from '../abuse.js'
import { hex, message } from '../bytes.js'

/** Names with a meaning elsewhere: documents like all others. */
const plain = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', '../../etc/passwd', '<script>', '👩‍👩‍👧']

/** Names that no document has. */
const refused: readonly [name: string, document: string][] = [
  ['of no length', ''],
  ['of 513 bytes', 'x'.repeat(513)],
  ['with a line feed and a line of a log', 'x\n{"level":"error","injected":true}'],
  ['with a NUL', 'x\u0000y'],
  ['with U+2028', 'x\u2028y'],
  ['that is not in NFC', 'e\u0301'],
]

export const names: readonly Abuse[] = [
  ...plain.flatMap((document) =>
    byEach({
      threat: 'names',
      name: `${JSON.stringify(document)}: served`,
      document,
      attack: () => {},
      outcome: 'served',
    }),
  ),
  ...refused.map(
    ([name, document]): Abuse => ({
      by: 'native',
      threat: name.includes('log') ? 'log injection' : 'names',
      name: `one ${name}`,
      joins: false,
      attack: async (attacker) => {
        await attacker.greet()
        attacker.ask({ type: 'open', name: document, resume: null, stateVector: Uint8Array.of(0) })
      },
      outcome: { ended: 'invalid_name' },
    }),
  ),
  ...refused
    .filter(([, document]) => !document.includes('\u0000'))
    .map(
      ([name, document]): Abuse => ({
        by: 'hocuspocus',
        threat: name.includes('log') ? 'log injection' : 'names',
        name: `one ${name}`,
        joins: false,
        attack: (attacker) => attacker.authenticate(document),
        outcome: { ended: 'invalid_name' },
      }),
    ),
  {
    by: 'native',
    threat: 'names',
    name: 'one with half a surrogate pair',
    joins: false,
    attack: async (attacker) => {
      await attacker.greet()
      attacker.raw(message(1, Uint8Array.of(messageTypes.open, ...hex('03 ed a0 80 00 00'))))
    },
    outcome: { ended: 'malformed_frame' },
  },
  {
    by: 'hocuspocus',
    threat: 'names',
    name: 'one with half a surrogate pair',
    joins: false,
    attack: (attacker) => attacker.raw(hex('03 ed a0 80 02 00 00')),
    outcome: { closed: 4400, code: 'malformed_frame' },
  },
]
