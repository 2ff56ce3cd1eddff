import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { expect } from 'vitest'
import type { RelayProcess } from '../../support/relay.js'
import { until } from '../../support/until.js'
import type { Threat } from '../abuse.js'
import { repeated } from '../bytes.js'

/** Something before a WebSocket is one, or below what `ws` lets a client send. */
export interface Upgrade {
  readonly threat: Threat
  readonly name: string
  attack(relay: RelayProcess): Promise<void>
}

/** A TCP connection that says what it likes. */
class Line {
  readonly socket: Socket
  isClosed = false
  #heard = Buffer.alloc(0)

  constructor(relay: RelayProcess) {
    this.socket = connect(relay.port, '127.0.0.1')
    this.socket.on('data', (bytes) => {
      this.#heard = Buffer.concat([this.#heard, bytes])
    })
    this.socket.on('error', () => {})
    this.socket.on('close', () => {
      this.isClosed = true
    })
  }

  get heard(): string {
    return this.#heard.toString('latin1')
  }

  get status(): number {
    return Number(/^HTTP\/1\.1 (\d+)/.exec(this.heard)?.[1] ?? 0)
  }

  /** The code in the WebSocket frame that closes it; 0 where none has come. */
  get closeCode(): number {
    const frames = this.#heard.subarray(this.#heard.indexOf('\r\n\r\n') + 4)
    for (let at = 0; at + 4 <= frames.length; ) {
      if (frames[at] === 0x88) return frames.readUInt16BE(at + 2)
      const length = frames[at + 1]!
      at += length < 126 ? 2 + length : length === 126 ? 4 + frames.readUInt16BE(at + 2) : frames.length
    }
    return 0
  }

  async request(path: string, headers: readonly string[] = []): Promise<number> {
    const key = `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`
    const upgrade = ['Host: 127.0.0.1', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', key]
    this.socket.write(`${[`GET ${path} HTTP/1.1`, ...upgrade, ...headers].join('\r\n')}\r\n\r\n`)
    await until('the answer', () => this.heard.includes('\r\n\r\n'), { seen: () => [this.heard, this.isClosed] })
    return this.status
  }

  /** A masked frame: its first byte, its payload. */
  frame(first: number, payload = new Uint8Array()): void {
    this.socket.write(framed(first, payload))
  }

  async isClosedWith(code: number): Promise<void> {
    await until(`it to be closed with ${code}`, () => this.closeCode !== 0 || this.isClosed, { seen: () => this.heard })
    expect(this.closeCode).toBe(code)
    this.socket.destroy()
  }
}

/** A frame of at most 125 bytes; the mask is zero. */
function framed(first: number, payload: Uint8Array): Uint8Array {
  return Uint8Array.from([first, 0x80 | payload.length, 0, 0, 0, 0, ...payload])
}

const native = ['/sync', ['Sec-WebSocket-Protocol: syncline.1']] as const
const paths: readonly (readonly [string, readonly string[]])[] = [native, ['/y/target', []], ['/hocuspocus', []]]

function refused(threat: Threat, name: string, status: number, path: string, headers: readonly string[]): Upgrade {
  const attack = async (relay: RelayProcess) => {
    const line = new Line(relay)
    expect(await line.request(path, headers)).toBe(status)
    await until('it to be closed', () => line.isClosed)
  }
  return { threat, name: `${name}: ${status}`, attack }
}

/** On each of the paths, after the handshake. */
function onEach(
  threat: Threat,
  name: string,
  attack: (line: Line, path: string) => Promise<void> | void,
  on = paths,
): Upgrade[] {
  return on.map(([path, headers]) => ({
    threat,
    name: `${name}, on ${path}`,
    attack: async (relay) => {
      const line = new Line(relay)
      expect(await line.request(path, headers)).toBe(101)
      await attack(line, path)
      line.socket.destroy()
    },
  }))
}

const origins = ['https://evil.example', 'null', 'http://127.0.0.1.evil.example', 'http://127.0.0.1:1', 'file://', '%%']
const broken = 'deflate, fragments and broken WebSocket frames'
const silent = 'slow handshake, silent socket'

export const upgrades: readonly Upgrade[] = [
  ...paths.flatMap(([path, headers]) =>
    origins.map((origin) =>
      refused('cross-site WebSocket', `${path} from ${origin}`, 403, path, [...headers, `Origin: ${origin}`]),
    ),
  ),
  refused('names', 'a percent escape that is none', 400, '/y/%ff', []),
  refused('names', 'an escaped NUL', 400, '/y/a%00b', []),
  refused('names', 'one of no length', 400, '/y/', []),
  refused('names', 'one of 513 bytes', 400, `/y/${'x'.repeat(513)}`, []),
  refused('names', 'an escaped half of a pair', 400, '/y/%ed%a0%80', []),
  refused('log injection', 'a line of a log, escaped', 400, '/y/%0a%7b%22injected%22%3atrue%7d', []),
  refused('messages out of place', 'protocol 1 without its subprotocol', 400, '/sync', []),
  refused('messages out of place', 'a path that is none of ours', 404, '/nowhere', []),
  refused('token in the URL', 'one on a path that is none', 404, '/nowhere?token=canary-of-a-token', []),
  refused('token in the URL', 'one with a name that is none', 400, '/y/%ff?token=canary-of-a-token', []),
  refused('oversized frames', 'a head of 20 KiB', 431, '/y/target', [`X-Large: ${'x'.repeat(20_000)}`]),
  ...onEach('token in the URL', 'one that nobody asked for', () => {}, [['/y/target?token=canary-of-a-token', []]]),
  ...paths.map(
    ([path, headers]): Upgrade => ({
      threat: broken,
      name: `deflate is not taken up, on ${path}`,
      attack: async (relay) => {
        const line = new Line(relay)
        const offer = 'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits'
        expect(await line.request(path, [...headers, offer])).toBe(101)
        expect(line.heard).not.toMatch(/extensions/i)
        line.frame(0xc2, Uint8Array.of(0x62, 0, 0))
        await line.isClosedWith(1002)
      },
    }),
  ),
  ...onEach(broken, '300,000 fragments of a byte', async (line) => {
    line.frame(0x02, Uint8Array.of(0))
    line.socket.write(repeated(framed(0x00, Uint8Array.of(0)), 300_000))
    await until('it to be closed', () => line.closeCode !== 0 || line.isClosed)
    expect([1008, 1009, 0]).toContain(line.closeCode)
  }),
  ...onEach(broken, 'a frame without a mask', async (line) => {
    line.socket.write(Uint8Array.of(0x82, 1, 0))
    await line.isClosedWith(1002)
  }),
  ...onEach(broken, 'a ping in two pieces', async (line) => {
    line.frame(0x09)
    await line.isClosedWith(1002)
  }),
  ...onEach(broken, 'text that is no UTF-8', async (line) => {
    line.frame(0x81, Uint8Array.of(0xc3, 0x28))
    await line.isClosedWith(1007)
  }),
  ...onEach(broken, 'a status of no meaning', async (line) => {
    line.frame(0x88, Uint8Array.of(0x03, 0xed))
    await line.isClosedWith(1002)
  }),
  ...onEach('oversized frames', '2^53 bytes announced', async (line, path) => {
    line.socket.write(Uint8Array.of(0x82, 0xff, 0, 0x1f, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0))
    await line.isClosedWith(path.startsWith('/y/') ? 4413 : 1009)
  }),
  ...onEach('oversized frames', '2^63 bytes announced', async (line, path) => {
    line.socket.write(Uint8Array.of(0x82, 0xff, 127, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0))
    await line.isClosedWith(path.startsWith('/y/') ? 4413 : 1009)
  }),
  {
    threat: 'connection and churn floods',
    name: '5,000 requests that wait for no answer: the connection is closed, and few are answered',
    attack: async (relay) => {
      const line = new Line(relay)
      line.socket.write('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(5_000))
      await until('it to be closed', () => line.isClosed)
      expect(line.heard.split('HTTP/1.1 200').length - 1).toBeLessThanOrEqual(16)
    },
  },
  {
    threat: silent,
    name: 'a head that comes byte by byte, one that never comes, and no hello: each is closed within 8 s',
    attack: async (relay) => {
      const [slow, mute, shy] = [new Line(relay), new Line(relay), new Line(relay)]
      expect(await shy.request(...native)).toBe(101)
      slow.socket.write('GET /sync HTTP/1.1\r\nHost: x\r\nX-Slow: ')
      const drip = setInterval(() => slow.socket.write('x'), 100)
      const lines = [slow, mute, shy]
      const isOver = () => (shy.closeCode !== 0 || shy.isClosed) && slow.isClosed && mute.isClosed
      await until('all to be closed', isOver, {
        timeoutMs: 8_000,
        seen: () => lines.map(({ heard, isClosed }) => [heard, isClosed]),
      }).finally(() => clearInterval(drip))
      expect(shy.closeCode).toBe(4408)
      shy.socket.destroy()
    },
  },
]
