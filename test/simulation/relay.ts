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
  unreachable,
} from '@syncline/protocol'
import type { End, Link } from './link.js'
import type { Disk } from './log.js'
import type { Random } from './random.js'
import type { Time } from './time.js'

const usualLimits = { ...defaultLimits, tailRecordsMax: 8, tailBytesMax: 2_000 }

interface SimSession {
  readonly id: SessionId
  readonly connection: RelayConnection
  readonly channel: Channel
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
  readonly #connections = new Set<RelayConnection>()
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
    const connection = new RelayConnection(this)
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
    for (const session of this.#sessions.values()) {
      if (!this.random.chance(share)) continue
      this.input(session.document, { type: 'congested', session: session.id })
      this.#later(this.random.between(1, 2_000), () => {
        if (this.#sessions.has(session.id)) this.input(session.document, { type: 'drained', session: session.id })
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

  openSession(connection: RelayConnection, channel: Channel, document: string): SessionId {
    const id = this.#nextSession++
    this.#sessions.set(id, { id, connection, channel, document })
    return id
  }

  input(document: string, input: RoomInput): void {
    const existing = this.#rooms.get(document)
    const room = existing ?? this.#load(document)
    if (room.loaded) this.#perform(room, room.room.step(input))
    else room.waiting.push(input)
  }

  disconnected(connection: RelayConnection): void {
    this.#connections.delete(connection)
    for (const session of [...this.#sessions.values()]) {
      if (session.connection !== connection) continue
      this.input(session.document, { type: 'left', session: session.id, now: this.time.now })
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
          for (const id of effect.to) {
            const session = this.#sessions.get(id)
            session?.connection.send({ type: 'session', channel: session.channel, message: effect.message })
          }
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
          session?.connection.ended(session.channel)
          break
        }
        case 'wake':
          this.#later(effect.at - this.time.now, () =>
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
    this.#later(this.random.between(0, 300), () => {
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

  #later(ms: number, run: () => void): void {
    const process = this.#process
    this.time.after(Math.max(0, ms), () => {
      if (process === this.#process) run()
    })
  }
}

/** The relay's end of one link. */
export class RelayConnection implements End {
  link!: Link
  readonly #relay: SimRelay
  /** what its client may do */
  access: Access = 'write'
  readonly #reader = new ClientMessageReader(usualLimits)
  readonly #channels = new Map<Channel, { id: SessionId; document: string }>()

  constructor(relay: SimRelay) {
    this.#relay = relay
  }

  received(frame: Uint8Array): void {
    for (const read of this.#reader.read(frame)) {
      if (!read.ok) throw read.error
      const { message } = read
      if (message.type !== 'session') continue
      const request = message.message
      if (request.type === 'open') {
        const id = this.#relay.openSession(this, message.channel, request.name)
        this.#channels.set(message.channel, { id, document: request.name })
        const profile = { author: '', access: this.access, echo: false } as const
        this.#relay.input(request.name, { type: 'joined', session: id, profile, request })
        continue
      }
      const session = this.#channels.get(message.channel)
      if (!session || request.type === 'signal') continue
      this.#relay.input(session.document, { type: 'received', session: session.id, request, now: this.#relay.time.now })
    }
  }

  lost(): void {
    this.#relay.disconnected(this)
  }

  send(message: RelayMessage): void {
    for (const bytes of encodeRelayMessage(message, usualLimits.frameBytesMax)) this.link.sendTo('client', bytes)
  }

  ended(channel: Channel): void {
    this.#channels.delete(channel)
  }
}

export function newEpoch(random: Random): string {
  let epoch = ''
  while (epoch.length < 16) epoch += random.int(16).toString(16)
  return epoch
}
