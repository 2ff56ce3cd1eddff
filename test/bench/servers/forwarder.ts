/**
 * The limit: what any relay on `ws` has to do, and nothing else. It knows no Yjs, checks nothing and keeps nothing in
 * memory. What comes in during a turn of the event loop goes to each reader in one write, framed once for all.
 *
 * `forwarder <port> [directory]`: with a directory it appends to a file per document before it forwards, without fsync,
 * and sends that file to whoever joins.
 */
import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs'
import { createServer } from 'node:http'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import * as encoding from 'lib0/encoding'
import { type WebSocket, WebSocketServer } from 'ws'
import { kinds } from '../wires/plain.js'

const [port, directory] = process.argv.slice(2)

interface Person {
  readonly webSocket: WebSocket
  readonly stream: Socket
}

interface Message {
  readonly from: Person
  readonly frame: Buffer
}

class Room {
  readonly people = new Set<Person>()
  readonly #path: string | null
  #file = 0
  #queue: Message[] = []
  #appended: Uint8Array[] = []

  constructor(name: string) {
    this.#path = directory === undefined ? null : join(directory, encodeURIComponent(name))
  }

  join(person: Person): void {
    const stored = this.#path !== null && existsSync(this.#path) ? readFileSync(this.#path) : Buffer.alloc(0)
    person.stream.write(framed(Buffer.concat([Buffer.of(kinds.stored), stored])))
    this.people.add(person)
  }

  receive(from: Person, message: Buffer): void {
    if (this.#queue.length === 0) setImmediate(() => this.#forward())
    this.#queue.push({ from, frame: framed(message) })
    if (this.#path === null || message[0] !== kinds.update) return
    this.#appended.push(encoding.encode((encoder) => encoding.writeVarUint8Array(encoder, message.subarray(1))))
  }

  leave(person: Person): void {
    this.people.delete(person)
    if (this.people.size > 0 || this.#file === 0) return
    closeSync(this.#file)
    this.#file = 0
  }

  #forward(): void {
    const queue = this.#queue
    this.#queue = []
    this.#append()
    const authors = new Set(queue.map(({ from }) => from))
    const bytes = Buffer.concat(queue.map(({ frame }) => frame))
    for (const person of this.people) {
      const own = authors.size === 1 && authors.has(person)
      if (!own) person.stream.write(bytes)
    }
  }

  #append(): void {
    if (this.#path === null || this.#appended.length === 0) return
    this.#file ||= openSync(this.#path, 'a')
    writeSync(this.#file, Buffer.concat(this.#appended))
    this.#appended = []
  }
}

/** One WebSocket message of a server: RFC 6455, 5.2. */
function framed(message: Uint8Array): Buffer {
  const { length } = message
  const headerBytes = length < 126 ? 2 : length < 65_536 ? 4 : 10
  const frame = Buffer.allocUnsafe(headerBytes + length)
  frame[0] = 0x82 // final, binary
  frame[1] = headerBytes === 2 ? length : headerBytes === 4 ? 126 : 127
  if (headerBytes === 4) frame.writeUInt16BE(length, 2)
  if (headerBytes === 10) frame.writeBigUInt64BE(BigInt(length), 2)
  frame.set(message, headerBytes)
  return frame
}

const rooms = new Map<string, Room>()
const server = createServer()
const sockets = new WebSocketServer({ server, perMessageDeflate: false, clientTracking: false })

sockets.on('connection', (webSocket, request) => {
  const name = request.url!.slice(1)
  const room = rooms.get(name) ?? new Room(name)
  rooms.set(name, room)
  const person = { webSocket, stream: request.socket }
  room.join(person)
  webSocket.on('message', (message) => room.receive(person, message as Buffer))
  webSocket.on('error', () => {})
  webSocket.on('close', () => {
    room.leave(person)
    if (room.people.size === 0) rooms.delete(name)
  })
})

server.listen(Number(port), '127.0.0.1')
