import {
  assertDocumentName,
  type ClientMessage,
  ClientMessageReader,
  decodeAwareness,
  decodeStateVector,
  defaultLimits,
  differenceFrom,
  encodeAwareness,
  encodeClientMessage,
  encodeRelayMessage,
  encodeStateVector,
  type Limits,
  packFrames,
  type Read,
  type RelayMessage,
  RelayMessageReader,
  readEnvelopes,
  SynclineError,
  writeEnvelope,
} from '@syncline/protocol'
import { authorizeByJwt } from '@syncline/server'
import * as encoding from 'lib0/encoding'
import { decodeHocuspocus, encodeHocuspocus } from '../../packages/server/src/dialects/hocuspocusMessages.js'
import { decodeYMessage, encodeYMessage } from '../../packages/server/src/dialects/yMessages.js'
import { routeOf } from '../../packages/server/src/upgrade.js'
import { written } from '../abuse/bytes.js'
import { secret, signed } from '../support/issuer.js'
import type { Chance } from '../support/sessions.js'
import { damaged } from './model.js'

const limits: Limits = { ...defaultLimits, documentBytesMax: 4_096 }
const { frameBytesMax } = limits

/** One input, and whether it was taken; throws where something else than a refusal came of it. */
export type Fuzz = (chance: Chance) => boolean | Promise<boolean>

/** Runs what strangers' bytes lead to: null where it is refused, as it may be. */
function unlessRefused<T>(run: () => T): T | null {
  try {
    return run()
  } catch (error) {
    if (error instanceof SynclineError) return null
    throw error
  }
}

const bytes = (chance: Chance) => Uint8Array.from({ length: chance.int(12) }, () => chance.int(256))
const number = (chance: Chance) => chance.pick([0, 1, 5, 127, 128, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER])
const point = (chance: Chance) => ({ epoch: '00112233445566ff', position: number(chance), chain: chance.int(2 ** 32) })
const text = (chance: Chance) => chance.pick(['', 'a', 'notes/7', 'é', '🙂', '__proto__', 'x'.repeat(300)])

function clientMessage(chance: Chance): ClientMessage {
  const channel = 1 + chance.int(4)
  const session = (message: Extract<ClientMessage, { type: 'session' }>['message']): ClientMessage => ({
    type: 'session',
    channel,
    message,
  })
  switch (chance.int(10)) {
    case 8:
      return session({ type: 'signal', payload: text(chance) })
    case 0:
      return { type: 'hello', versions: [1, number(chance)], agent: text(chance), token: chance.pick([null, 'token']) }
    case 1:
      return { type: 'token', token: text(chance) }
    case 2:
      return chance.pick([{ type: 'ping' }, { type: 'pong' }])
    case 3:
      return session({
        type: 'open',
        name: text(chance),
        resume: chance.pick([null, point(chance)]),
        stateVector: bytes(chance),
      })
    case 4:
      return session({ type: 'exchange', stateVector: bytes(chance) })
    case 5:
      return session({ type: 'digest', point: point(chance), vectorHash: chance.int(2 ** 32) })
    case 6:
      return session({ type: 'awareness', update: bytes(chance) })
    case 7:
      return session({ type: 'close' })
    default:
      return session({
        type: 'update',
        seq: number(chance),
        answer: chance.happens(0.5),
        update: new Uint8Array(chance.int(400)),
      })
  }
}

function relayMessage(chance: Chance): RelayMessage {
  const head = { position: number(chance), chain: chance.int(2 ** 32) }
  const session = (message: Extract<RelayMessage, { type: 'session' }>['message']): RelayMessage => ({
    type: 'session',
    channel: 1 + chance.int(4),
    message,
  })
  switch (chance.int(10)) {
    case 8:
      return session({ type: 'signal', payload: text(chance) })
    case 0: {
      const told = { frameBytesMax: number(chance), updateBytesMax: number(chance), documentBytesMax: number(chance) }
      return { type: 'welcome', version: 1, limits: told, agent: text(chance) }
    }
    case 1:
      return chance.pick([
        { type: 'expires', expiresMs: number(chance) },
        { type: 'leaving', retryMs: number(chance) },
      ])
    case 2:
      return session({
        type: 'opened',
        point: point(chance),
        stateVector: chance.pick([null, bytes(chance)]),
        access: 'read',
      })
    case 3:
      return session({ type: 'update', ...head, update: new Uint8Array(chance.int(400)) })
    case 4:
      return session({ type: 'synced', ...head, update: chance.pick([null, bytes(chance)]) })
    case 5:
      return session({ type: 'ack', seq: number(chance), ...head })
    case 6:
      return session({ type: 'resync', seq: number(chance), stateVector: bytes(chance) })
    case 7:
      return session({ type: 'access', access: 'write' })
    default:
      return session({
        type: chance.pick(['refused', 'closed'] as const),
        code: 'revoked',
        reason: text(chance),
        retry: true,
      })
  }
}

/** Reads damaged frames; what was read can be written again, and is then read as the same. */
function frames<Message>(
  make: (chance: Chance) => Message,
  encode: (message: Message, frameBytesMax: number) => Uint8Array[],
  newReader: () => { read(frame: Uint8Array): Read<Message>[] },
): Fuzz {
  return (chance) => {
    const reader = newReader()
    const messages = Array.from({ length: 1 + chance.int(4) }, () =>
      encode(make(chance), chance.pick([96, frameBytesMax])),
    )
    let isTaken = false
    for (const frame of packFrames(chance.shuffle(messages).flat(), frameBytesMax)) {
      for (const read of reader.read(chance.happens(0.8) ? damaged(frame, chance) : frame)) {
        if (!read.ok) {
          if (!(read.error instanceof SynclineError)) throw read.error
          continue
        }
        isTaken = true
        const [written] = encode(read.message, frameBytesMax)
        const [again, ...more] = newReader().read(written!)
        if (!again?.ok || more.length > 0 || !same(encode(again.message, frameBytesMax)[0]!, written!)) {
          throw new Error(`${inspect(read.message)} was read as ${inspect(again)}`)
        }
      }
    }
    return isTaken
  }
}

function inspect(value: unknown): string {
  return JSON.stringify(value, (_, each) => (each instanceof Uint8Array ? Buffer.from(each).toString('hex') : each))
}

const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0

const envelopes: Fuzz = (chance) => {
  const frame = damaged(encodeClientMessage(clientMessage(chance), frameBytesMax)[0]!, chance)
  const read = unlessRefused(() => readEnvelopes(frame))
  for (const envelope of read ?? []) {
    const [again] = readEnvelopes(writeEnvelope(envelope))
    if (inspect(again) !== inspect(envelope)) throw new Error(`${inspect(envelope)} was read as ${inspect(again)}`)
  }
  return read !== null
}

const yWebsocket: Fuzz = (chance) => {
  const type = chance.pick(['step1', 'step2', 'update', 'awareness'] as const)
  const body = bytes(chance)
  const frame = encodeYMessage(type === 'step1' ? { type, stateVector: body } : { type, update: body })
  const read = unlessRefused(() => decodeYMessage(damaged(frame, chance)))
  if (read === null) return false
  const again = decodeYMessage(encodeYMessage(read))
  if (inspect(again) !== inspect(read)) throw new Error(`${inspect(read)} was read as ${inspect(again)}`)
  return true
}

const hocuspocus: Fuzz = (chance) => {
  const key = text(chance)
  const type = chance.pick(['step2', 'update', 'awareness'] as const)
  const token = written((encoder) => {
    encoding.writeVarString(encoder, key)
    for (const number of [2, 0]) encoding.writeVarUint(encoder, number)
    encoding.writeVarString(encoder, text(chance))
  })
  const frame = chance.happens(0.3) ? token : encodeHocuspocus(key, { type, update: bytes(chance) })
  const read = unlessRefused(() => decodeHocuspocus(damaged(frame, chance)))
  if (read?.type === 'document') encodeHocuspocus(read.key, { type: 'saved' })
  return read !== null
}

const awareness: Fuzz = (chance) => {
  const states = [
    '{}',
    'null',
    '{"a":[1,{"b":"\\ud800"}]}',
    '"é🙂"',
    `${'['.repeat(40)}${']'.repeat(40)}`,
    '{"__proto__":1}',
  ]
  const entry = () => ({ clock: number(chance), state: chance.pick(states) })
  const entries = new Map(Array.from({ length: chance.int(5) }, () => [number(chance), entry()]))
  const message = encodeAwareness(entries)
  const read = unlessRefused(() => decodeAwareness(chance.happens(0.7) ? damaged(message, chance) : message, limits))
  if (read === null) return false
  const again = decodeAwareness(encodeAwareness(read), limits)
  if (inspect([...again]) !== inspect([...read]))
    throw new Error(`${inspect([...read])} was read as ${inspect([...again])}`)
  for (const { state } of read.values()) if (state !== null) JSON.parse(state)
  return true
}

const names: Fuzz = (chance) => {
  const parts = [
    'a',
    'é',
    'e\u0301',
    '\ud83d',
    '\ude42',
    '🙂',
    '\u0000',
    '\u2028',
    '/',
    '..',
    '%',
    '%2f',
    '%zz',
    '%00',
    '?',
    '#',
    '__proto__',
    'x'.repeat(200),
  ]
  const name = Array.from({ length: chance.int(6) }, () => chance.pick(parts)).join('')
  const isTaken = unlessRefused(() => assertDocumentName(name)) !== null
  const route = unlessRefused(() => routeOf(`/y/${name}`, limits.nameBytesMax))
  if (route?.to === 'y-websocket') assertDocumentName(route.document)
  if (isTaken && (Buffer.byteLength(name) > 512 || Buffer.from(name).toString() !== name))
    throw new Error(inspect(name))
  return isTaken
}

const stateVectors: Fuzz = (chance) => {
  const vector = new Map(Array.from({ length: chance.int(6) }, () => [number(chance), number(chance)]))
  const encoded = encodeStateVector(vector)
  const given = chance.happens(0.8) ? damaged(encoded, chance) : encoded
  const read = unlessRefused(() => decodeStateVector(given, 100))
  if (read === null) return false
  const again = encodeStateVector(read)
  if (!same(encodeStateVector(decodeStateVector(again)), again)) throw new Error(inspect(given))
  unlessRefused(() => differenceFrom(Uint8Array.of(1, 1, 5, 0, 0, 3, 0), given))
  return true
}

/** Tokens of which some characters differ: none of them grants anything but what was signed. */
async function tokens(): Promise<Fuzz> {
  const authorize = await authorizeByJwt({ key: { secret } })
  const token = await signed({ documents: { notes: 'read' } })
  const visitor = { url: '/sync', headers: {}, address: '' }
  return async (chance) => {
    const characters = [...token]
    for (let times = chance.int(3); times >= 0; times--) {
      const at = chance.int(characters.length)
      characters[at] = chance.pick([
        '',
        '.',
        'A',
        '_',
        '=',
        '\n',
        'é',
        characters[chance.int(characters.length)] ?? '',
        'eyJ',
      ])
    }
    try {
      const grant = await authorize({ token: characters.join(''), document: 'notes', ...visitor } as never)
      if (grant.access !== 'read' || grant.subject !== 'ada') throw new Error(`it grants ${inspect(grant)}`)
      return true
    } catch (error) {
      if (error instanceof SynclineError) return false
      throw error
    }
  }
}

/** What reads strangers' bytes, and how often it is run beside the others. */
export async function decoders(): Promise<readonly (readonly [name: string, share: number, fuzz: Fuzz])[]> {
  return [
    ['frames of clients', 0.2, frames(clientMessage, encodeClientMessage, () => new ClientMessageReader(limits))],
    ['frames of relays', 0.15, frames(relayMessage, encodeRelayMessage, () => new RelayMessageReader(limits))],
    ['envelopes', 0.1, envelopes],
    ['y-websocket', 0.1, yWebsocket],
    ['Hocuspocus', 0.1, hocuspocus],
    ['awareness', 0.15, awareness],
    ['names', 0.08, names],
    ['state vectors', 0.1, stateVectors],
    ['tokens', 0.02, await tokens()],
  ]
}
