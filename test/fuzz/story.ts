import {
  defaultLimits,
  encodeAwareness,
  type LogRecord,
  Room,
  type RoomEffect,
  type RoomInput,
  type SessionReply,
  type SessionRequest,
} from '@syncline/protocol'
import * as Y from 'yjs'
import { contentOf } from '../../packages/server/src/compaction/content.js'
import { type Chance, isPending, openQuietDoc } from '../support/sessions.js'
import { damaged, mutated } from './model.js'

const epoch = '00000000000000aa'
const emptyVector = Uint8Array.of(0)
const [attacker, peer, honest, newcomer] = [1, 2, 3, 4]
const limits = { ...defaultLimits, tailRecordsMax: 8 }

/** What came of a story. */
export interface Told {
  readonly executions: number
  readonly accepted: number
  readonly refused: number
  /** it ended where Yjs does, which is known to: see {@link Story} */
  readonly fault: string | null
}

/**
 * A room with somebody who means harm, somebody who edits, and somebody who only takes what is broadcast: the live
 * replica. What the room accepted is what the replica has, and what a newcomer loads; what it refused has left no trace.
 *
 * Two faults of Yjs are known that bytes do not show. Live content of several clocks under one key of a map throws when
 * half of it is collected. And where origins are forged, the order of siblings hangs on how updates are batched: it is
 * counted as that where Yjs alone, given the same updates one by one, each commit of them merged, and all of them merged,
 * differs from itself. Such a story ends.
 */
export class Story {
  readonly #room = new Room('story', limits)
  readonly #live = openQuietDoc(true)
  readonly #records: LogRecord[] = []
  readonly #chance: Chance
  readonly #edits: readonly Uint8Array[]
  #now = 1_000
  #next = 0
  #seqs = new Map<number, number>()
  #ended: string | null = null
  #accepted = 0
  #refused = 0

  constructor(edits: readonly Uint8Array[], chance: Chance) {
    this.#edits = edits
    this.#chance = chance
  }

  tell(executions: number): Told {
    this.#step({ type: 'loaded', stored: null, epoch })
    for (const session of [attacker, peer, honest]) this.#join(session)
    let done = 0
    let fault: string | null = null
    try {
      while (done < executions) {
        done++
        if (this.#chance.happens(0.25)) this.#editHonestly()
        else if (this.#chance.happens(0.9)) this.#attack()
        else this.#wave()
        if (this.#chance.happens(0.5)) this.#commit()
      }
      this.#commit()
      this.#compare()
    } catch (error) {
      fault = this.#faultOfYjs(error)
      if (fault === null) throw error
    }
    return { executions: done, accepted: this.#accepted, refused: this.#refused, fault }
  }

  #editHonestly(): void {
    const edit = this.#edits[this.#next++ % this.#edits.length]!
    this.#update(honest, edit)
    if (this.#ended !== null) throw new Error(`an honest edit was refused with ${this.#ended}: ${hex(edit)}`)
  }

  #attack(): void {
    const chance = this.#chance
    const base = this.#edits[chance.happens(0.7) ? this.#next % this.#edits.length : chance.int(this.#edits.length)]!
    const known = Y.decodeStateVector(Y.encodeStateVector(this.#live))
    const update = mutated(base, known, chance)
    const queued = this.#room.queuedBytes
    const effects = this.#update(attacker, update, chance.happens(0.3))
    if (this.#ended === null) {
      this.#accepted++
      return
    }
    this.#refused++
    const traces = effects.filter(({ type }) => type === 'dirty' || type === 'append')
    if (this.#room.queuedBytes !== queued || traces.length > 0)
      throw new Error(`a trace of what was refused: ${hex(update)}`)
    this.#commit()
    const vector = this.#join(attacker)
    if (hex(vector) !== hex(Y.encodeStateVector(this.#live))) throw new Error(`the coverage changed: ${hex(update)}`)
  }

  #wave(): void {
    const state = { clock: this.#chance.int(5), state: this.#chance.pick(['{}', '{"name":"a"}', '[1,[2]]', 'null']) }
    const message = encodeAwareness(new Map([[this.#chance.int(4), state]]))
    const update = this.#chance.happens(0.3) ? message : damaged(message, this.#chance)
    this.#step({ type: 'received', session: attacker, request: { type: 'awareness', update }, now: ++this.#now })
    if (this.#ended !== null) this.#join(attacker)
  }

  /** The same state for whoever was there, whoever loads the records, and whoever opens the room or what was stored. */
  #compare(): void {
    const expected = this.#described(this.#live)
    const loaded = openQuietDoc(true)
    for (const { runs } of this.#records) for (const { update } of runs) Y.applyUpdate(loaded, update)
    const stored = {
      epoch,
      base: null,
      basePosition: 0,
      start: { position: 0, chain: 0 },
      records: this.#records,
      deletedEpochs: [],
    }
    const again = new Room('story', limits)
    again.step({ type: 'loaded', stored, epoch })
    for (const [name, found] of [
      ['the records', loaded],
      ['the room', this.#opened(this.#room)],
      ['the room after a restart', this.#opened(again)],
    ] as const) {
      const description = this.#described(found)
      if (description !== expected) throw new Difference(`live and ${name} differ:\n${expected}\n${description}`)
    }
  }

  #opened(room: Room): Y.Doc {
    const effects = room.step({
      type: 'joined',
      session: newcomer,
      profile: { author: '', access: 'read', echo: false },
      request: { type: 'open', name: 'story', resume: null, stateVector: emptyVector },
    })
    const doc = openQuietDoc(true)
    for (const reply of repliesIn(effects, newcomer)) {
      if (reply.type === 'synced' && reply.update) Y.applyUpdate(doc, reply.update)
      if (reply.type === 'opened') {
        const vector = hex(reply.stateVector!)
        const live = hex(Y.encodeStateVector(this.#live))
        if (vector !== live) throw new Error(`the coverage is ${vector}, the replica has ${live}`)
      }
    }
    return doc
  }

  #described(doc: Y.Doc): string {
    if (isPending(doc)) throw new Error('something is pending')
    return `${hex(Y.encodeStateVector(doc))} ${hex(contentOf(doc))}`
  }

  /** Joins anew; the result is the state vector of what the room has. */
  #join(session: number): Uint8Array {
    this.#seqs.set(session, 0)
    this.#step({ type: 'left', session, now: this.#now })
    this.#ended = null
    const effects = this.#step({
      type: 'joined',
      session,
      profile: { author: `${session}`, access: session === peer ? 'read' : 'write', echo: false },
      // nobody confirms that point: what is sent then is asked for
      request: {
        type: 'open',
        name: 'story',
        resume: { epoch: 'ff', position: 1, chain: 1 },
        stateVector: emptyVector,
      },
    })
    const [opened] = repliesIn(effects, session)
    if (opened?.type !== 'opened') throw new Error(`it was not opened: ${opened?.type}`)
    const exchange: SessionRequest = { type: 'exchange', stateVector: Y.encodeStateVector(this.#live) }
    this.#step({ type: 'received', session, request: exchange, now: this.#now })
    if (session !== peer) this.#update(session, Uint8Array.of(0, 0), true)
    return opened.stateVector!
  }

  #update(session: number, update: Uint8Array, answer = false): RoomEffect[] {
    const seq = this.#seqs.get(session)! + 1
    this.#seqs.set(session, seq)
    this.#ended = null
    const effects = this.#step({
      type: 'received',
      session,
      request: { type: 'update', seq, answer, update },
      now: ++this.#now,
    })
    const isAsked = repliesIn(effects, session).some(({ type }) => type === 'resync')
    if (isAsked && this.#ended === null) return [...effects, ...this.#update(session, Uint8Array.of(0, 0), true)]
    if (this.#ended === 'too_many_resyncs') this.#join(session)
    return effects
  }

  #commit(): void {
    const [append] = this.#step({ type: 'committing', now: ++this.#now })
    if (append?.type !== 'append') return
    this.#records.push(append.append.record)
    this.#step({ type: 'committed', now: ++this.#now })
  }

  #step(input: RoomInput): RoomEffect[] {
    const effects = this.#room.step(input)
    for (const reply of repliesIn(effects, peer)) {
      if (reply.type === 'update') Y.applyUpdate(this.#live, reply.update)
    }
    for (const effect of effects) {
      // a session that was told of it could go on; here another one comes in its place
      const isRefusal = effect.type === 'note' && (effect.event === 'refused' || effect.event === 'rejected')
      if (isRefusal) this.#ended = effect.code
    }
    return effects
  }

  /** Its name where an error is one of those that are known; see the class. */
  #faultOfYjs(error: unknown): string | null {
    const isCollecting = error instanceof Error && `${error.stack}`.includes('Item.gc')
    if (isCollecting) return 'content of several clocks under one key'
    if (!(error instanceof Difference)) return null
    const commits = this.#records.map(({ runs }) => runs.map(({ update }) => update))
    const batchings = [
      commits.flat(),
      commits.map((commit) => Y.mergeUpdates(commit)),
      [Y.mergeUpdates(commits.flat())],
    ]
    const descriptions = batchings.map((updates) => {
      const doc = openQuietDoc(true)
      for (const update of updates) Y.applyUpdate(doc, update)
      return this.#described(doc)
    })
    return new Set(descriptions).size === 1 ? null : 'the order of siblings hangs on how updates are batched'
  }
}

/** Two replicas of one document differ. */
class Difference extends Error {}

function repliesIn(effects: readonly RoomEffect[], session: number): SessionReply[] {
  return effects.flatMap((effect) => (effect.type === 'send' && effect.to.includes(session) ? [effect.message] : []))
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}
