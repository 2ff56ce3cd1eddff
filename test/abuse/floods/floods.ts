import { messageTypes } from '../../../packages/protocol/src/messages/wire.js'
import { Canaries } from '../../support/canaries.js'
import { type Attacker, attackerOf, type Dialect, dialects, HocuspocusAttacker, NativeAttacker } from '../attackers.js'
import { awareness, gap, message, numbers, repeated, textOf } from '../bytes.js'

/** The documents that floods meet; the bystanders are on the first two. */
export const documents = ['target', 'own', 'large', 'busy', 'churn'] as const

type DocumentName = (typeof documents)[number]

/** The relay that is flooded, by clients of one wire protocol or of several at once. */
export class Front {
  readonly dialects: readonly Dialect[]
  readonly canaries = new Canaries()
  readonly #url: string

  constructor(url: string, dialects: readonly Dialect[]) {
    this.#url = url
    this.dialects = dialects
    for (const document of documents) this.canaries.of(document)
  }

  /** In turns, one of the wire protocols. */
  dialect(round: number): Dialect {
    return this.dialects[round % this.dialects.length]!
  }

  connect<D extends Dialect>(dialect: D, document: DocumentName) {
    return attackerOf<D>(dialect, { url: this.#url, document, canaries: this.canaries })
  }

  async join<D extends Dialect>(dialect: D, document: DocumentName) {
    const attacker = await this.connect(dialect, document)
    await attacker.join()
    return attacker
  }
}

/** Who takes part in a flood, and what sends some of it, called over and over. */
interface Begun {
  readonly attackers: readonly Attacker[]
  more(round: number): void | Promise<void>
}

/** A flood goes on until it is told that it is over. */
export interface Flood {
  readonly name: string
  /** the wire protocols in which there is such a thing */
  readonly dialects: readonly Dialect[]
  begin(front: Front): Promise<Begun>
}

/** What a flood sends by each of the wire protocols at once. */
const byEach = (name: string, document: DocumentName, send: (attacker: Attacker, round: number) => void): Flood => ({
  name,
  dialects,
  begin: async (front) => {
    const attackers: Attacker[] = []
    for (const dialect of front.dialects) attackers.push(await front.join(dialect, document))
    return {
      attackers,
      more: (round) => {
        for (const attacker of attackers) if (attacker.closed === null) send(attacker, round)
      },
    }
  },
})

const crowd = awareness(...Array.from({ length: 64 }, (_, i) => [7_000_000 + i, 1, `"${'x'.repeat(200)}"`] as const))
const noVector = Uint8Array.of(0)
const mebibyte = 2 ** 20
const pings = repeated(message(0, Uint8Array.of(messageTypes.ping)), 20_000)
const nulls = repeated(message(5, Uint8Array.of(messageTypes.part)), 200_000)

const heavy: { readonly [dialect in Dialect]: Uint8Array } = {
  native: new Uint8Array(mebibyte), // as large as its frames may be
  'y-websocket': new Uint8Array(12 * mebibyte),
  hocuspocus: new Uint8Array(12 * mebibyte),
}

const smallest: { readonly [dialect in Dialect]: Uint8Array } = {
  native: message(0, Uint8Array.of(messageTypes.pong)),
  'y-websocket': Uint8Array.of(1, 1, 0), // awareness of nobody
  hocuspocus: Uint8Array.of(9), // a ping
}

const greet = (attacker: Attacker) => {
  if (attacker instanceof NativeAttacker) attacker.say({ type: 'hello', versions: [1], agent: '', token: null })
  else if (attacker instanceof HocuspocusAttacker) attacker.say(2, 0, '', '4.0.0')
  else attacker.exchange(noVector)
}

/** Opens a document and closes it, where it is not the connection that has one. */
const visit = (attacker: Attacker, name: string, channel: number) => {
  if (attacker instanceof NativeAttacker) {
    attacker.ask({ type: 'open', name, resume: null, stateVector: noVector }, channel)
    attacker.ask({ type: 'close' }, channel)
  } else if (attacker instanceof HocuspocusAttacker) {
    attacker.sayAbout(name, 2, 0, '', '4.0.0')
    attacker.sayAbout(name, 7)
  }
}

export const floods: readonly Flood[] = [
  byEach('updates that lack another predecessor each, on the same document', 'target', (attacker, round) => {
    for (let i = 0; i < 200; i++) attacker.update(gap(100_000 + 200 * round + i), i % 20 === 0)
  }),
  byEach('awareness of 64 clients, over and over, on the same document', 'target', (attacker, round) => {
    for (let i = 0; i < 10; i++)
      attacker.awareness(
        awareness(...Array.from({ length: 64 }, (_, c) => [8_000_000 + c, 10 * round + i + 1, '{"x":1}'] as const)),
      )
    attacker.awareness(crowd)
  }),
  byEach('step 1 and exchanges on a document of 1 MiB, answered', 'large', (attacker) => {
    for (let i = 0; i < 20; i++) attacker.exchange(noVector)
  }),
  byEach('step 1 and exchanges on a document of 1 MiB, never read', 'large', (attacker, round) => {
    if (round === 0) attacker.socket.pause()
    for (let i = 0; i < 20; i++) attacker.exchange(numbers(1, 7, round))
  }),
  {
    name: 'frames of 12 MiB that hold nothing, by connections that come again and again',
    dialects,
    begin: async (front) => {
      const attackers: Attacker[] = []
      return {
        attackers,
        more: async (round) => {
          const attacker: Attacker = await front.connect(front.dialect(round), 'target')
          attackers.push(attacker)
          attacker.raw(heavy[attacker.dialect])
        },
      }
    },
  },
  {
    name: 'connections that come, say hello and go, 400 at a time',
    dialects,
    begin: async (front) => {
      let attackers: Attacker[] = []
      return {
        attackers,
        more: async (round) => {
          for (const attacker of attackers) attacker.leave()
          const dialect = front.dialect(round)
          attackers = await Promise.all(Array.from({ length: 400 }, () => front.connect(dialect, 'churn')))
          for (const attacker of attackers) greet(attacker)
        },
      }
    },
  },
  {
    name: 'documents that are opened and closed, a new one each time',
    dialects: ['native', 'hocuspocus'],
    begin: async (front) => {
      const attackers: Attacker[] = []
      for (const dialect of front.dialects) attackers.push(await front.join(dialect, 'churn'))
      return {
        attackers,
        more: (round) => {
          for (const attacker of attackers) {
            for (let channel = 2; channel < 102; channel++) visit(attacker, `churn ${round} ${channel}`, channel)
          }
        },
      }
    },
  },
  {
    name: 'pings and parts of nothing, as many as a frame holds',
    dialects: ['native'],
    begin: async (front) => {
      const attacker = await front.join('native', 'target')
      return {
        attackers: [attacker],
        more: () => {
          attacker.raw(pings)
          attacker.raw(nulls)
        },
      }
    },
  },
  byEach('the smallest messages there are, thousands in a write', 'target', (attacker) => {
    attacker.all(Array.from({ length: 5_000 }, () => smallest[attacker.dialect]))
  }),
  byEach('pongs of WebSocket that nobody asked for, thousands in a write', 'target', (attacker) => {
    attacker.atOnce(() => {
      for (let i = 0; i < 5_000; i++) attacker.socket.pong()
    })
  }),
  byEach('edits of another document, as fast as they go', 'busy', (attacker, round) => {
    for (let i = 0; i < 50; i++) attacker.update(textOf(1_000_000 + 50 * round + i, 'x'.repeat(100)), true)
  }),
]
