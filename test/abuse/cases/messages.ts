import { defaultLimits } from '@syncline/protocol'
import * as encoding from 'lib0/encoding'
import { messageTypes } from '../../../packages/protocol/src/messages/wire.js'
import { type Abuse, byEach } from '../abuse.js'
import { beyondNumbers, hex, infinity, message, numbers, repeated, stateVector, written } from '../bytes.js'

const { frameBytesMax, updateBytesMax } = defaultLimits
const part = (channel: number, bytes: number) =>
  message(
    channel,
    Uint8Array.from({ length: 1 + bytes }, (_, i) => (i === 0 ? messageTypes.part : 0)),
  )

const hello = (agent: string, token = '', versions = [1]) =>
  message(
    0,
    written((encoder) => {
      encoding.writeUint8(encoder, messageTypes.hello)
      for (const number of [versions.length, ...versions]) encoding.writeVarUint(encoder, number)
      encoding.writeVarString(encoder, agent)
      encoding.writeVarString(encoder, token)
    }),
  )

const malformed = { closed: 4400, code: 'malformed_frame' } as const
const misplaced = { closed: 4400, code: 'protocol_violation' } as const

/** State vectors, in a step 1 and in an exchange. */
const vectors: readonly [name: string, vector: Uint8Array][] = [
  ['a state vector of 100,001 clients', stateVector(100_001)],
  ['a state vector of 2^53 - 1 clients', stateVector(1, Number.MAX_SAFE_INTEGER)],
  ['a state vector that names a client twice', numbers(2, 7, 1, 7, 2)],
  ['a state vector with a clock of 2^53', hex(`01 07 ${beyondNumbers}`)],
  ['a state vector that goes on', numbers(0, 0)],
  ['no state vector', new Uint8Array()],
]

export const messages: readonly Abuse[] = [
  ...vectors.flatMap(([name, vector]) =>
    byEach({
      threat: 'step 1 amplification',
      name,
      attack: (attacker) => attacker.exchange(vector),
      outcome: { ended: 'malformed_frame' },
    }),
  ),
  ...byEach({
    threat: 'messages that are none',
    name: 'a text frame',
    attack: (attacker) => attacker.raw('{"type":"hello"}'),
    outcome: () => malformed,
  }),
  ...byEach({
    threat: 'messages that are none',
    name: 'an empty frame',
    attack: (attacker) => attacker.raw(new Uint8Array()),
    outcome: (dialect) => (dialect === 'native' ? 'served' : malformed),
  }),
  ...byEach({
    threat: 'messages that are none',
    name: 'a length without an end',
    attack: (attacker) => attacker.raw(repeated(hex('ff'), 64)),
    outcome: () => malformed,
  }),
  ...byEach({
    threat: 'oversized frames',
    name: 'one of 60 MB',
    attack: (attacker) => attacker.raw(new Uint8Array(60_000_000)),
    outcome: (dialect) => ({ closed: dialect === 'y-websocket' ? 4413 : 1009 }),
  }),
  ...byEach({
    threat: 'oversized frames',
    name: 'an update over 16 MiB that says nothing',
    attack: (attacker) => attacker.update(new Uint8Array(updateBytesMax + 17)),
    outcome: (dialect) => (dialect === 'y-websocket' ? { closed: 4413 } : { ended: 'update_too_large' }),
  }),
  ...byEach({
    threat: 'oversized frames',
    name: 'an update of 16 MiB of nothing',
    attack: (attacker) => attacker.update(new Uint8Array(updateBytesMax - 64)),
    outcome: { ended: 'malformed_update' },
  }),
  {
    by: 'native',
    threat: 'oversized frames',
    name: 'one of 1 MiB and a byte',
    attack: (attacker) => attacker.raw(new Uint8Array(frameBytesMax + 1)),
    outcome: { closed: 1009 },
  },

  // messages before hello, and hellos
  {
    by: 'native',
    joins: false,
    threat: 'messages out of place',
    name: 'a document before hello',
    attack: (attacker) => {
      attacker.ask({ type: 'open', name: 'target', resume: null, stateVector: Uint8Array.of(0) })
    },
    outcome: misplaced,
  },
  {
    by: 'native',
    joins: false,
    threat: 'messages out of place',
    name: 'a token before hello',
    attack: (attacker) => attacker.say({ type: 'token', token: 'x' }),
    outcome: misplaced,
  },
  {
    by: 'native',
    joins: false,
    threat: 'messages that are none',
    name: 'a session message of no type before hello',
    attack: (attacker) => attacker.raw(message(1, Uint8Array.of(99))),
    outcome: malformed,
  },
  {
    by: 'native',
    joins: false,
    threat: 'messages out of place',
    name: 'a version of the future',
    attack: (attacker) => attacker.raw(hello('', '', [2, 3])),
    outcome: { closed: 4426, code: 'unsupported_version' },
  },
  {
    by: 'native',
    joins: false,
    threat: 'messages that are none',
    name: '2^53 - 1 versions',
    attack: (attacker) => attacker.raw(message(0, new Uint8Array([0, ...numbers(Number.MAX_SAFE_INTEGER)]))),
    outcome: malformed,
  },
  {
    by: 'native',
    joins: false,
    threat: 'tokens',
    name: 'one of 9 KiB in hello',
    attack: (attacker) => attacker.raw(hello('', 'x'.repeat(9 * 1024))),
    outcome: malformed,
  },
  {
    by: 'native',
    joins: false,
    threat: 'messages that are none',
    name: 'half a surrogate pair in hello',
    attack: (attacker) => attacker.raw(message(0, hex('00 01 01 03 ed a0 80 00'))),
    outcome: malformed,
  },
  {
    by: 'native',
    joins: false,
    threat: 'log injection',
    name: 'a line of a log, and colours, for an agent',
    attack: async (attacker) => {
      attacker.raw(hello(`\n{"level":"error","injected":true}\n\u001b[31m${'x'.repeat(100_000)}`))
      await attacker.isHeard()
      await attacker.join()
    },
    outcome: 'served',
  },
  {
    by: 'native',
    threat: 'messages out of place',
    name: 'a second hello',
    attack: (attacker) => attacker.raw(hello('again')),
    outcome: misplaced,
  },

  // messages about the connection
  {
    by: 'native',
    threat: 'messages that are none',
    name: 'a connection message of no type',
    attack: (attacker) => attacker.raw(message(0, Uint8Array.of(99))),
    outcome: malformed,
  },
  {
    by: 'native',
    threat: 'messages that are none',
    name: 'a message without a body',
    attack: (attacker) => attacker.raw(Uint8Array.of(1, 1)),
    outcome: malformed,
  },
  {
    by: 'native',
    threat: 'messages that are none',
    name: 'a message longer than its frame',
    attack: (attacker) => attacker.raw(hex('7f 01 19 00')),
    outcome: { ended: 'malformed_frame' },
  },
  {
    by: 'native',
    threat: 'messages that are none',
    name: 'a channel of 2^53',
    attack: (attacker) => attacker.raw(hex(`09 ${beyondNumbers} 1a`)),
    outcome: malformed,
  },
  {
    by: 'native',
    threat: 'messages that are none',
    name: 'a channel that lib0 reads as Infinity, and would write for ever',
    attack: (attacker) => attacker.raw(hex(`94 01 ${infinity} 63`)),
    outcome: malformed,
  },
  {
    by: 'native',
    threat: 'messages that are none',
    name: 'a seq that lib0 reads as NaN',
    attack: (attacker) => attacker.raw(message(1, hex(`13 00 ${'80 '.repeat(200)} 00 00 00`))),
    outcome: { ended: 'malformed_frame' },
  },
  {
    by: 'native',
    threat: 'messages that are none',
    name: 'a session message of no type',
    attack: (attacker) => attacker.raw(message(1, Uint8Array.of(99))),
    outcome: { ended: 'malformed_frame' },
  },
  {
    by: 'native',
    threat: 'messages that are none',
    name: 'flags of the future',
    attack: (attacker) => attacker.raw(message(1, hex('13 fe 02 00 00'))),
    outcome: { ended: 'malformed_frame' },
  },
  {
    by: 'native',
    threat: 'messages that are none',
    name: '300,000 pings in one frame',
    attack: async (attacker) => {
      attacker.raw(repeated(message(0, Uint8Array.of(messageTypes.ping)), 300_000))
      await attacker.isHeard()
    },
    outcome: 'served',
  },

  {
    by: 'native',
    threat: 'slow reader',
    name: '400,000 digests, whose answers it does not read',
    attack: (attacker) => {
      attacker.socket.pause()
      const digest = message(1, Uint8Array.of(messageTypes.digest, ...new Uint8Array(17)))
      for (let i = 0; i < 10; i++) attacker.raw(repeated(digest, 40_000))
      attacker.socket.resume()
    },
    outcome: 'served',
  },

  // forged replies
  ...(['opened', 'synced', 'ack', 'resync', 'closed', 'refused', 'access'] as const).map(
    (type): Abuse => ({
      by: 'native',
      threat: 'forged acknowledgements',
      name: `\`${type}\`, which only a relay says`,
      attack: (attacker) => attacker.raw(message(1, Uint8Array.of(messageTypes[type], 1, 1, 0, 0, 0, 0))),
      outcome: { ended: 'malformed_frame' },
    }),
  ),
  {
    by: 'native',
    threat: 'forged acknowledgements',
    name: '`welcome`, which only a relay says',
    attack: (attacker) => attacker.raw(message(0, hex('01 01 01 01 01 00'))),
    outcome: malformed,
  },
  {
    threat: 'forged acknowledgements',
    by: 'hocuspocus',
    name: 'the sync status of a server',
    attack: (attacker) => attacker.say(8, 1),
    outcome: 'served',
  },
  {
    threat: 'forged acknowledgements',
    by: 'hocuspocus',
    name: '`authenticated`, which only a server says',
    attack: (attacker) => attacker.say(2, 2, 'read-write'),
    outcome: malformed,
  },

  // sessions
  {
    by: 'native',
    threat: 'messages out of place',
    name: 'a channel opened twice',
    attack: (attacker) => {
      attacker.ask({ type: 'open', name: 'target', resume: null, stateVector: Uint8Array.of(0) })
    },
    outcome: { ended: 'protocol_violation' },
  },
  ...[0, 1, 3, Number.MAX_SAFE_INTEGER].map(
    (seq): Abuse => ({
      by: 'native',
      threat: seq === 1 ? 'replays' : 'messages out of place',
      name: `seq ${seq} after 1`,
      attack: (attacker) => attacker.ask({ type: 'update', seq, answer: false, update: Uint8Array.of(0, 0) }),
      outcome: { ended: 'protocol_violation' },
    }),
  ),
  {
    by: 'native',
    threat: 'messages out of place',
    name: 'an update before `opened`',
    attack: (attacker) => {
      attacker.ask({ type: 'close' })
      attacker.ask({ type: 'open', name: 'target', resume: null, stateVector: Uint8Array.of(0) })
      attacker.update(Uint8Array.of(0, 0))
    },
    outcome: { ended: 'protocol_violation' },
  },
  {
    by: 'native',
    threat: 'messages out of place',
    name: 'updates, cursors and ends on channels that are not open',
    attack: (attacker) => {
      for (const channel of [2, 77, Number.MAX_SAFE_INTEGER]) {
        attacker.ask({ type: 'update', seq: 1, answer: true, update: hex('01 01 02 00 04 01 01 74 01 61 00') }, channel)
        attacker.ask({ type: 'awareness', update: hex('01 05 01 02 7b 7d') }, channel)
        attacker.ask({ type: 'close' }, channel)
      }
    },
    outcome: 'served',
  },
  {
    by: 'native',
    threat: 'messages out of place',
    name: 'the digest of another history',
    attack: (attacker) => {
      attacker.ask({ type: 'digest', point: { epoch: 'ff'.repeat(8), position: 0, chain: 1 }, vectorHash: 1 })
    },
    outcome: 'served',
  },
  {
    by: 'native',
    threat: 'part bomb',
    name: 'parts of 70 MB without an end',
    attack: (attacker) => {
      const large = part(1, 2 ** 20 - 16)
      for (let i = 0; i < 70; i++) attacker.raw(large)
    },
    outcome: { ended: 'update_too_large' },
  },
  {
    by: 'native',
    threat: 'part bomb',
    name: 'three million parts of nothing',
    attack: async (attacker) => {
      const empty = repeated(part(7, 0), 300_000)
      for (let i = 0; i < 10; i++) attacker.raw(empty)
      await attacker.isHeard()
    },
    outcome: 'served',
  },
  {
    by: 'native',
    threat: 'part bomb',
    name: 'two million parts of a byte',
    attack: async (attacker) => {
      const small = repeated(part(7, 1), 200_000)
      for (let i = 0; i < 10; i++) attacker.raw(small)
      await attacker.isHeard()
    },
    outcome: 'served',
  },
  {
    by: 'native',
    threat: 'part bomb',
    name: 'parts on 20,000 channels',
    attack: (attacker) => {
      attacker.raw(
        written((encoder) => {
          for (let channel = 1_000; channel < 21_000; channel++) encoding.writeUint8Array(encoder, part(channel, 1))
        }),
      )
    },
    outcome: misplaced,
  },
  {
    by: 'native',
    threat: 'part bomb',
    name: 'a message between two parts',
    attack: (attacker) => {
      attacker.raw(part(1, 10))
      attacker.exchange(Uint8Array.of(0))
    },
    outcome: { ended: 'malformed_frame' },
  },
  {
    by: 'native',
    threat: 'part bomb',
    name: 'a part of a part',
    attack: (attacker) => {
      attacker.raw(message(1, Uint8Array.of(messageTypes.lastPart, messageTypes.part, 0)))
    },
    outcome: { ended: 'malformed_frame' },
  },

  // y-websocket
  {
    threat: 'messages that are none',
    by: 'y-websocket',
    name: 'a message of the type 77, as applications invent them',
    attack: (attacker) => attacker.raw(hex('4d ff ff')),
    outcome: 'served',
  },
  {
    threat: 'messages that are none',
    by: 'y-websocket',
    name: 'sync message 9',
    attack: (attacker) => attacker.raw(hex('00 09 00')),
    outcome: malformed,
  },
  {
    threat: 'messages that are none',
    by: 'y-websocket',
    name: 'an update longer than its frame',
    attack: (attacker) => attacker.raw(hex('00 02 7f 00 00')),
    outcome: malformed,
  },
  {
    threat: 'messages that are none',
    by: 'y-websocket',
    name: 'two messages in a frame',
    attack: (attacker) => attacker.raw(hex('00 02 02 00 00 00 02 02 00 00')),
    outcome: malformed,
  },

  // Hocuspocus
  {
    threat: 'messages that are none',
    by: 'hocuspocus',
    name: 'a message of the type 99',
    attack: (attacker) => attacker.say(99, 1, 2, 3),
    outcome: 'served',
  },
  {
    threat: 'messages out of place',
    by: 'hocuspocus',
    name: 'a broadcast to all',
    attack: (attacker) => attacker.say(6, 'to everybody'),
    outcome: { ended: 'protocol_violation' },
  },
  {
    threat: 'messages out of place',
    by: 'hocuspocus',
    name: 'an update of a document that it has not opened',
    attack: (attacker) => attacker.sayAbout('own', 0, 2, hex('01 01 02 00 04 01 01 74 01 61 00')),
    outcome: 'served',
  },
  {
    threat: 'messages out of place',
    by: 'hocuspocus',
    name: 'updates before it is authenticated',
    joins: false,
    attack: async (attacker) => {
      for (let i = 0; i < 100; i++) attacker.sayAbout('target', 0, 2, hex('01 01 02 00 04 01 01 74 01 61 00'))
      await attacker.join()
    },
    outcome: 'served',
  },
  {
    threat: 'names',
    by: 'hocuspocus',
    name: 'a key of 1,000 characters',
    joins: false,
    attack: (attacker) => attacker.sayAbout('x'.repeat(1_000), 2, 0, ''),
    outcome: { closed: 4400, code: 'invalid_name' },
  },
]
