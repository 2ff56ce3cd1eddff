import {
  type Access,
  type Append,
  type Channel,
  ClientMessageReader,
  defaultLimits,
  encodeRelayMessage,
  type Limits,
  type RelayMessage,
  Room,
  type RoomEffect,
  type RoomInput,
  type SessionId,
  type SessionReply,
  type SessionRequest,
  unreachable,
} from '@syncline/protocol'
import { Canaries } from '../support/canaries.js'
import type { End, Link } from './link.js'
import type { Disk } from './log.js'
import type { Random } from './random.js'
import type { Time } from './time.js'

const usualLimits = { ...defaultLimits, tailRecordsMax: 8, tailBytesMax: 2_000 }

/** The relay's end of a link, whatever its wire protocol. */
export interface RelayEnd extends End {
  link: Link
}

/** What becomes of a session. */
export interface SessionEnd {
  deliver(reply: SessionReply): void
  ended(): void
}

interface SimSession extends SessionEnd {
  readonly connection: RelayEnd
  readonly document: string
}

interface SimRoom {
  readonly room: Room
  loaded: boolean
  readonly waiting: RoomInput[]
}

/** The relay's process around the production Room: one committer, rooms that load and unload, sessions on links. */
export class SimRelay {
  readonly disk: Disk
  readonly time: Time
  readonly random: Random
  readonly limits: Limits
  readonly notes: Extract<RoomEffect, { type: 'note' }>[] = []
  /** what its clients are sent is looked through */
  readonly canaries = new Canaries()
  readonly #connections = new Set<RelayEnd>()
  readonly #rooms = new Map<string, SimRoom>()
  readonly #sessions = new Map<SessionId, SimSession>()
  readonly #dirty = new Set<SimRoom>()
  #committing = false
  #nextSession = 1
  #alive = true
  /** timers of a process that crashed are void */
  #process = 0

  constructor(disk: Disk, time: Time, random: Random, updateBytesMax: number) {
    this.limits = { ...usualLimits, updateBytesMax }
    this.disk = disk
    this.time = time
    this.random = random
  }

  get connections(): number {
    return this.#connections.size
  }

  get alive(): boolean {
    return this.#alive
  }

  accept(): RelayConnection {
    return this.acceptAs(new RelayConnection(this))
  }

  /** The same for another wire protocol. */
  acceptAs<Connection extends RelayEnd>(connection: Connection): Connection {
    this.#connections.add(connection)
    return connection
  }

  crash(): void {
    this.#alive = false
    this.#process++
    this.disk.crash()
    for (const connection of this.#connections) connection.link.detach('relay')
    this.#connections.clear()
    this.#rooms.clear()
    this.#sessions.clear()
    this.#dirty.clear()
    this.#committing = false
  }

  restart(): void {
    this.#alive = true
  }

  /** Sockets are full for a while. */
  congest(share: number): void {
    for (const [id, { document }] of this.#sessions) {
      if (!this.random.chance(share)) continue
      this.input(document, { type: 'congested', session: id })
      this.later(this.random.between(1, 2_000), () => {
        if (this.#sessions.has(id)) this.input(document, { type: 'drained', session: id })
      })
    }
  }

  /** The compaction worker takes a document; its room, where there is one then, learns of the end. */
  compact(document: string): void {
    if (!this.#alive) return
    this.disk.compact(document, (base, position) => {
      const room = this.#rooms.get(document)
      if (room?.loaded) this.#perform(room, room.room.step({ type: 'compacted', base, position }))
    })
  }

  openSession(connection: RelayEnd, document: string, { deliver, ended }: SessionEnd): SessionId {
    const id = this.#nextSession++
    this.#sessions.set(id, { connection, document, deliver, ended })
    return id
  }

  /** Something that a session's client asks for. */
  ask(session: SessionId, request: Exclude<SessionRequest, { type: 'open' | 'signal' }>): void {
    const { document } = this.#sessions.get(session)!
    this.input(document, { type: 'received', session, request, now: this.time.now })
  }

  /** What a session's client may do is another thing from now on. */
  grant(session: SessionId, access: Access): void {
    const open = this.#sessions.get(session)
    if (open) this.input(open.document, { type: 'granted', session, access, now: this.time.now })
  }

  /** What goes to a client that has opened these documents has the canary of no other one. */
  scan(frame: Uint8Array, open: ReadonlySet<string>): void {
    this.canaries.scan(frame, open)
    const [stray] = this.canaries.strays
    if (stray !== undefined) throw new Error(`a byte of another document: ${stray}`)
  }

  input(document: string, input: RoomInput): void {
    const existing = this.#rooms.get(document)
    const room = existing ?? this.#load(document)
    if (room.loaded) this.#perform(room, room.room.step(input))
    else room.waiting.push(input)
  }

  disconnected(connection: RelayEnd): void {
    this.#connections.delete(connection)
    for (const [id, session] of [...this.#sessions]) {
      if (session.connection !== connection) continue
      this.input(session.document, { type: 'left', session: id, now: this.time.now })
    }
  }

  #load(document: string): SimRoom {
    const room: SimRoom = { room: new Room(document, this.limits), loaded: false, waiting: [] }
    this.#rooms.set(document, room)
    // every other room has so much to send that updates gather for some ms
    if (this.#rooms.size % 2 === 0) room.room.step({ type: 'paced', demand: 100 })
    this.disk.read(document, (stored) => {
      const epoch = newEpoch(this.random)
      this.#perform(room, room.room.step({ type: 'loaded', stored, epoch }))
      room.loaded = true
      for (const input of room.waiting.splice(0)) this.#perform(room, room.room.step(input))
    })
    return room
  }

  #perform(room: SimRoom, effects: readonly RoomEffect[]): void {
    for (const effect of effects) {
      switch (effect.type) {
        case 'send':
          for (const id of effect.to) this.#sessions.get(id)?.deliver(effect.message)
          break
        case 'dirty':
          this.#dirty.add(room)
          this.#commit()
          break
        case 'append':
          throw new Error('an append outside a commit')
        case 'end': {
          const session = this.#sessions.get(effect.session)
          this.#sessions.delete(effect.session)
          session?.ended()
          break
        }
        case 'wake':
          this.later(effect.at - this.time.now, () =>
            this.input(room.room.name, { type: 'ticked', now: this.time.now }),
          )
          break
        case 'note':
          this.notes.push(effect)
          break
        default:
          unreachable(effect)
      }
    }
    if (room.room.idle) this.#unloadLater(room)
  }

  #unloadLater(room: SimRoom): void {
    this.later(this.random.between(0, 300), () => {
      if (room.room.idle && this.#rooms.get(room.room.name) === room) this.#rooms.delete(room.room.name)
    })
  }

  #commit(): void {
    if (this.#committing || this.#dirty.size === 0) return
    const rooms = [...this.#dirty]
    this.#dirty.clear()
    const appends: Append[] = []
    for (const { room } of rooms) {
      for (const effect of room.step({ type: 'committing', now: this.time.now })) {
        if (effect.type === 'append') appends.push(effect.append)
      }
    }
    this.#committing = true
    this.disk.commit(appends, () => {
      this.#committing = false
      for (const room of rooms) this.#perform(room, room.room.step({ type: 'committed', now: this.time.now }))
      this.#commit()
    })
  }

  later(ms: number, run: () => void): void {
    const process = this.#process
    this.time.after(Math.max(0, ms), () => {
      if (process === this.#process) run()
    })
  }
}

const nothing: ReadonlySet<string> = new Set()

/** The relay's end of one link of protocol 1. */
export class RelayConnection implements RelayEnd {
  link!: Link
  readonly #relay: SimRelay
  /** what its client may do */
  access: Access = 'write'
  readonly #reader = new ClientMessageReader(usualLimits)
  readonly #channels = new Map<Channel, SessionId>()
  /** by channel, what its client has asked for */
  readonly #asked = new Map<Channel, ReadonlySet<string>>()

  constructor(relay: SimRelay) {
    this.#relay = relay
  }

  received(frame: Uint8Array): void {
    for (const read of this.#reader.read(frame)) {
      if (!read.ok) throw read.error
      const { message } = read
      if (message.type !== 'session') continue
      const request = message.message
      if (request.type === 'open') this.#open(message.channel, request)
      else if (request.type !== 'signal') {
        const session = this.#channels.get(message.channel)
        if (session !== undefined) this.#relay.ask(session, request)
      }
    }
  }

  lost(): void {
    this.#relay.disconnected(this)
  }

  grant(access: Access): void {
    this.access = access
    for (const session of this.#channels.values()) this.#relay.grant(session, access)
  }

  #open(channel: Channel, request: Extract<SessionRequest, { type: 'open' }>): void {
    this.#asked.set(channel, new Set([request.name]))
    const session = this.#relay.openSession(this, request.name, {
      deliver: (message) => this.send({ type: 'session', channel, message }),
      ended: () => this.#channels.delete(channel),
    })
    this.#channels.set(channel, session)
    const profile = { author: '', access: this.access, echo: false } as const
    this.#relay.input(request.name, { type: 'joined', session, profile, request })
  }

  send(message: RelayMessage): void {
    const open = message.type === 'session' ? this.#asked.get(message.channel)! : nothing
    for (const bytes of encodeRelayMessage(message, usualLimits.frameBytesMax)) {
      this.#relay.scan(bytes, open)
      this.link.sendTo('client', bytes)
    }
  }
}

export function newEpoch(random: Random): string {
  let epoch = ''
  while (epoch.length < 16) epoch += random.int(16).toString(16)
  return epoch
}
