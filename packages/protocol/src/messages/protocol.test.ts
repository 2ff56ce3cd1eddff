import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { decodeAwareness } from '../awareness/codec.js'
import { defaultLimits } from '../limits.js'
import { ClientMessageReader, RelayMessageReader } from './decode.js'
import { encodeClientMessage, encodeRelayMessage, packFrames } from './encode.js'
import { readEnvelopes } from './envelope.js'
import type { ClientMessage, RelayMessage } from './types.js'

const fromHex = (hex: string) => Uint8Array.from(hex.match(/[0-9a-f]{2}/g) ?? [], (byte) => Number.parseInt(byte, 16))

const page = readFileSync(new URL('../../PROTOCOL.md', import.meta.url), 'utf8')
const vectors = [...page.matchAll(/```vector (client|relay)\n(.+)\n(.+)\n```/g)].map(([, from, json, hex]) => ({
  from: from as 'client' | 'relay',
  message: JSON.parse(json!, (_, value) =>
    typeof value === 'string' && value.startsWith('hex:') ? fromHex(value.slice(4)) : value,
  ) as never,
  hex: hex!,
}))

const toHex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ')
const plain = (value: unknown) =>
  JSON.parse(JSON.stringify(value, (_, each) => (each instanceof Uint8Array ? `hex:${toHex(each)}` : each)))

const encode = (from: 'client' | 'relay', message: never, frameBytesMax: number = defaultLimits.frameBytesMax) =>
  from === 'client' ? encodeClientMessage(message, frameBytesMax) : encodeRelayMessage(message, frameBytesMax)
const reader = (from: 'client' | 'relay', limits = defaultLimits) =>
  from === 'client' ? new ClientMessageReader(limits) : new RelayMessageReader(limits)

describe('the golden vectors of PROTOCOL.md', () => {
  test('are all there', () => expect(vectors.length).toBeGreaterThanOrEqual(22))

  for (const { from, message, hex } of vectors) {
    test(`${from}: ${JSON.stringify(plain(message)).slice(0, 80)}`, () => {
      expect(encode(from, message).map(toHex)).toEqual([hex])
      const [read, ...more] = reader(from).read(fromHex(hex))
      expect(more).toEqual([])
      expect(read?.ok && plain(read.message)).toEqual(plain(message))
    })
  }
})

describe('frames', () => {
  const open = (channel: number, name: string): ClientMessage => ({
    type: 'session',
    channel,
    message: { type: 'open', name, resume: null, stateVector: Uint8Array.of(0) },
  })
  const bytesOf = (message: ClientMessage) => encodeClientMessage(message, 1024)[0]!
  const update = (channel: number, bytes: number): RelayMessage => ({
    type: 'session',
    channel,
    message: { type: 'update', position: 1, chain: 1, update: new Uint8Array(bytes).fill(channel) },
  })

  test('several messages share a frame, up to its limit', () => {
    const messages = [1, 2, 3].map((channel) => bytesOf(open(channel, 'x'.repeat(30))))
    const one = messages[0]!.length
    expect(packFrames(messages, 3 * one).length).toBe(1)
    expect(packFrames(messages, 3 * one - 1).length).toBe(2)
    expect(new ClientMessageReader(defaultLimits).read(packFrames(messages, 1024)[0]!).length).toBe(3)
  })

  test('a large update travels in parts, interleaved with those of another document', () => {
    const first = encodeRelayMessage(update(1, 1000), 128)
    const second = encodeRelayMessage(update(2, 500), 128)
    expect(first.length).toBeGreaterThan(7)
    for (const part of first) expect(part.length).toBeLessThanOrEqual(128)
    const read = new RelayMessageReader(defaultLimits)
    const results = []
    while (first.length + second.length > 0) {
      for (const parts of [first, second]) {
        const part = parts.shift()
        if (part) results.push(...read.read(part))
      }
    }
    expect(results.map((result) => result.ok && plain(result.message))).toEqual([
      plain(update(2, 500)),
      plain(update(1, 1000)),
    ])
  })

  test('a code that this process does not know is told as it is, and what is none is not', () => {
    const told = (code: string) => {
      const message = { type: 'closed', code, reason: 'why', retry: true } as never
      const frame = encodeRelayMessage({ type: 'session', channel: 1, message }, 128)[0]!
      return [...new RelayMessageReader(defaultLimits).read(frame)]
    }
    const closed = (code: string) => [{ ok: true, message: { message: { code, reason: 'why', retry: true } } }]
    expect(told('out_of_tea')).toMatchObject(closed('out_of_tea'))
    for (const code of ['', '<b>', 'revoked\n', '__proto__!']) expect(told(code)).toMatchObject(closed('internal'))
  })

  test('a session may be closed between two parts', () => {
    const parts = encodeRelayMessage(update(1, 1000), 128)
    const closed: RelayMessage = {
      type: 'session',
      channel: 1,
      message: { type: 'closed', code: 'revoked', reason: '', retry: false },
    }
    const read = new RelayMessageReader({ ...defaultLimits, documentBytesMax: 1_100 })
    for (let i = 0; i < 3; i++) {
      expect(read.read(parts[0]!)).toEqual([])
      expect(read.read(encodeRelayMessage(closed, 128)[0]!)).toMatchObject([{ ok: true, message: closed }])
    }
    expect(parts.flatMap((part) => read.read(part))).toMatchObject([{ ok: true }])
  })

  test('a broken message ends its session; the other messages of the frame are read', () => {
    const broken = Uint8Array.of(3, 7, 99, 0)
    const frame = packFrames([bytesOf(open(1, 'a')), broken, bytesOf(open(2, 'b'))], 1024)[0]!
    const results = new ClientMessageReader(defaultLimits).read(frame)
    expect(results.map((result) => result.ok)).toEqual([true, false, true])
    expect(results[1]).toMatchObject({ channel: 7, error: { code: 'malformed_frame' } })
  })

  test('every truncation of every vector is a fault, never a crash', () => {
    for (const { from, hex } of vectors) {
      const whole = fromHex(hex)
      for (let length = 1; length < whole.length; length++) {
        const results = reader(from).read(whole.slice(0, length))
        expect(results.some((result) => !result.ok)).toBe(true)
      }
    }
  })

  test('trailing bytes inside a message are a fault', () => {
    expect(new ClientMessageReader(defaultLimits).read(Uint8Array.of(3, 1, 26, 0))[0]).toMatchObject({
      ok: false,
      channel: 1,
    })
  })

  test('a fault of channel 0, or of no channel at all, is one of the connection, and the last', () => {
    const ping = encodeClientMessage({ type: 'ping' }, 1024)[0]!
    for (const broken of [Uint8Array.of(2, 0, 99), Uint8Array.of(0), Uint8Array.of(1, 0)]) {
      const results = new ClientMessageReader(defaultLimits).read(packFrames([broken, ping], 1024)[0]!)
      expect(results).toMatchObject([{ ok: false, channel: null }])
    }
    expect(new ClientMessageReader(defaultLimits).read(Uint8Array.of(0x80))).toMatchObject([
      { ok: false, channel: null },
    ])
  })

  test('unfinished parts are bounded, for the connection as a whole', () => {
    const limits = { ...defaultLimits, documentBytesMax: 1000 }
    const read = new RelayMessageReader(limits)
    const faults = [1, 2, 3].flatMap((channel) =>
      encodeRelayMessage(update(channel, 900), 500)
        .slice(0, -1)
        .flatMap((part) => read.read(part)),
    )
    expect(faults).toMatchObject([{ ok: false, channel: 3, error: { code: 'update_too_large' } }])
  })

  test('any number of parts takes no more memory than their bytes do, and so many channels', () => {
    const read = new ClientMessageReader(defaultLimits)
    const part = (channel: number[], ...body: number[]) =>
      Uint8Array.of(channel.length + 1 + body.length, ...channel, 32, ...body)
    for (let i = 0; i < 300_000; i++) read.read(part([1]))
    for (let i = 0; i < 100_000; i++) read.read(part([1], i % 256))
    const [result] = read.read(Uint8Array.of(2, 1, 33))
    expect(result).toMatchObject({ ok: false, channel: 1, error: { code: 'malformed_frame' } })
    const faults = Array.from({ length: 10_001 }, (_, i) =>
      read.read(part([0x80 | (i & 127), 0x80 | ((i >> 7) & 127), 1 + (i >> 14)])),
    )
    expect(faults.filter((each) => each.length > 0)).toMatchObject([
      [{ ok: false, error: { code: 'protocol_violation' } }],
    ])
  })

  // lib0 reads them as Infinity, which it writes for ever, and as NaN: one of these on a channel ended the relay
  test.each([
    ['Infinity', `${'80'.repeat(146)}7f`],
    ['NaN', `${'80'.repeat(200)}00`],
    ['2^53', '8080808080808010'],
  ])('a number that lib0 reads as %s is a fault', (_, number) => {
    const digits = number.match(/../g)!.map((byte) => Number.parseInt(byte, 16))
    const framed = (...body: number[]) =>
      body.length < 128
        ? Uint8Array.of(body.length, ...body)
        : Uint8Array.of((body.length & 127) | 128, body.length >> 7, ...body)
    for (const frame of [framed(...digits, 99), framed(1, 19, 0, ...digits), Uint8Array.from([...digits, 1, 26])]) {
      expect(new ClientMessageReader(defaultLimits).read(frame)).toMatchObject([
        { ok: false, error: { code: 'malformed_frame' } },
      ])
    }
    expect(() => readEnvelopes(framed(...digits, 99))).toThrow(expect.objectContaining({ code: 'malformed_frame' }))
    for (const update of [[1, ...digits, 1, 2, 0x7b, 0x7d], [1, 1, ...digits, 2, 0x7b, 0x7d], digits]) {
      expect(() => decodeAwareness(Uint8Array.from(update), defaultLimits)).toThrow(
        expect.objectContaining({ code: 'malformed_awareness' }),
      )
    }
  })
})
