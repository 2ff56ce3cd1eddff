import type * as Y from 'yjs'
import { Client } from './client.js'
import { Counter } from './counter.js'
import { cpuMsOf, peakBytesOf, residentBytesOf } from './machine.js'
import { monotonicMicros, type Window } from './profile.js'
import { Progress } from './progress.js'
import type { Server } from './servers/server.js'
import { clocksOf, documentOf, textName } from './updates.js'
import { type Known, nothing, type Wire } from './wires/index.js'

const waitMsMax = 60_000
// more at once than a server has waiting for `accept` would measure the kernel's retries
const joiningMax = 200

/** What a trial runs against: a server that the bench started, or one that somebody points it at. */
export interface Target {
  readonly wire: Wire
  readonly base: string
  /** true where a newcomer can be asked what it kept */
  readonly keeps: boolean
  /** its process now; null where it is not known: nothing is said of CPU and memory then */
  pid(): number | null
  /** null where it is not ours to stop */
  readonly server: Server | null
}

/** For many clients, each by its index. */
export interface JoinOptions {
  readonly known?: (index: number) => Known
  /** sets handlers */
  readonly prepare?: (client: Client, index: number) => void
}

/** One workload on one server, once. */
export class Trial {
  /** true where it only has to be shown that everything works */
  readonly isQuick: boolean
  readonly #target: Target
  readonly #names: string
  #clients: (Client | Counter)[] = []
  #meter: Meter | null = null

  /** @param names put before the names of documents: those of an earlier trial may still be there */
  constructor(target: Target, names: string, isQuick: boolean) {
    this.#target = target
    this.#names = names
    this.isQuick = isQuick
  }

  get wire(): Wire {
    return this.#target.wire
  }

  get server(): Server {
    if (this.#target.server === null) throw new Error('this workload starts and stops its server')
    return this.#target.server
  }

  /** The size of something: the real one, or one for a quick look. */
  pick(full: number, quick: number): number {
    return this.isQuick ? quick : full
  }

  /** A client on its way; handlers that are set in the same turn miss nothing. */
  connect(document: string, known: Known = nothing): Client {
    const client = new Client(this.wire, this.#target.base, this.#names + document, known)
    this.#clients.push(client)
    return client
  }

  /** A newcomer that only counts what it is sent. */
  count(document: string): Counter {
    const counter = new Counter(this.wire, this.#target.base, this.#names + document)
    this.#clients.push(counter)
    return counter
  }

  async join(document: string, known: Known = nothing): Promise<Client> {
    const client = this.connect(document, known)
    await client.joined
    return client
  }

  /**
   * Many clients, some hundred at a time.
   *
   * @param document the name for the client of that index
   */
  async joinMany(
    count: number,
    document: (index: number) => string,
    { known = () => nothing, prepare }: JoinOptions = {},
  ): Promise<Client[]> {
    const clients: Client[] = []
    const joinSome = async () => {
      while (clients.length < count) {
        const index = clients.length
        const client = this.connect(document(index), known(index))
        clients.push(client)
        prepare?.(client, index)
        await client.joined
      }
    }
    await Promise.all(Array.from({ length: joiningMax }, joinSome))
    return clients
  }

  async drop(clients: readonly (Client | Counter)[]): Promise<void> {
    const gone = new Set<Client | Counter>(clients)
    this.#clients = this.#clients.filter((client) => !gone.has(client))
    await Promise.all(clients.map((client) => client.drop()))
  }

  /** Waits until all of them were sent all of it. */
  async untilAllHave(readers: readonly Progress[], expected: ReadonlyMap<number, number>): Promise<void> {
    // one at a time: looking at what came in costs the core that should take it from the sockets
    let complete = 0
    await this.until('all readers to have everything', () => {
      while (complete < readers.length && readers[complete]!.has(expected)) complete++
      return complete === readers.length
    })
  }

  /** @param story the end of the sentence "waited for …" */
  async until(story: string, condition: () => boolean | Promise<boolean>, timeoutMs = waitMsMax): Promise<void> {
    const start = performance.now()
    while (!(await condition())) {
      for (const client of this.#clients) client.assertWell()
      if (performance.now() - start > timeoutMs) throw new Error(`waited ${timeoutMs / 1000} s for ${story}`)
      await sleep(10)
    }
  }

  /** What a newcomer is sent: resolves when it goes as far as `expected`. */
  async read(document: string, expected: ReadonlyMap<number, number>): Promise<Y.Doc> {
    const progress = new Progress()
    const updates: Uint8Array[] = []
    const client = this.connect(document)
    client.onUpdate = (update) => {
      progress.collect(update)
      updates.push(update)
    }
    await client.joined
    await this.until('a newcomer to be sent everything', () => progress.has(expected), this.pick(waitMsMax, 10_000))
    await this.drop([client])
    return documentOf(updates)
  }

  /**
   * Resolves when the server has written nothing for a while, with the bytes that it has on disk: null where nobody can
   * see that.
   */
  async untilQuiet(quietMsFull = 2_500): Promise<number | null> {
    const { server } = this.#target
    const quietMs = this.pick(quietMsFull, 300)
    if (server === null) return sleep(quietMs).then(() => null)
    let bytes = server.diskBytes
    let since = performance.now()
    await this.until('the server to write nothing more', async () => {
      await sleep(50)
      if (bytes !== server.diskBytes) since = performance.now()
      bytes = server.diskBytes
      return performance.now() - since > quietMs
    })
    return bytes
  }

  /** Throws where a newcomer is not sent exactly `expected`. */
  async assertKept(document: string, expected: Y.Doc): Promise<void> {
    if (!this.#target.keeps) return
    const found = await this.read(document, clocksOf(expected))
    const texts = [found, expected].map((doc) => doc.getText(textName).toString())
    if (texts[0] !== texts[1]) throw new Error(`a newcomer read ${texts[0]!.length} characters of ${texts[1]!.length}`)
  }

  /** Starts to count what the server and this process use. */
  meter(): Meter {
    this.#meter = new Meter(this.#target.pid())
    return this.#meter
  }

  /** what the last meter measured */
  get window(): Window {
    return this.#meter?.window ?? { from: 0, to: 0 }
  }

  /** What the server holds after it freed what it can. */
  async memory(): Promise<number> {
    await this.server.collectGarbage()
    return residentBytesOf(this.server.pid)
  }

  /** The most that the server ever held. */
  get peakBytes(): number {
    const pid = this.#target.pid()
    return pid === null ? Number.NaN : peakBytesOf(pid)
  }

  /** Ends every client. */
  async end(): Promise<void> {
    await this.drop(this.#clients)
  }
}

/** What the server has used since some moment. */
export class Meter {
  readonly #pid: number | null
  readonly #start = performance.now()
  readonly #serverMs: number
  readonly #ownCpu = process.cpuUsage()
  readonly #from = monotonicMicros()
  #to = Number.POSITIVE_INFINITY

  constructor(pid: number | null) {
    this.#pid = pid
    this.#serverMs = pid === null ? 0 : cpuMsOf(pid)
  }

  get window(): Window {
    return { from: this.#from, to: this.#to }
  }

  /** ms; NaN where the server's process is not known */
  get cpuMs(): number {
    this.#to = monotonicMicros()
    return this.#pid === null ? Number.NaN : cpuMsOf(this.#pid) - this.#serverMs
  }

  get elapsedMs(): number {
    return performance.now() - this.#start
  }

  /** how much of its core the load generator used: near 1 it is the limit, and latencies are its own */
  get loadShare(): number {
    const { user, system } = process.cpuUsage(this.#ownCpu)
    return (user + system) / 1000 / this.elapsedMs
  }
}

/** Waits. */
export const sleep = (ms: number) => new Promise<void>((done) => setTimeout(done, ms))

/** Calls `act` for 0 to count − 1 at moments that are spread over `ms` as those of many people are. */
export async function pace(count: number, ms: number, act: (index: number) => void): Promise<void> {
  const start = performance.now()
  const step = ms / count
  for (let index = 0; index < count; ) {
    const dueMs = start + (index + scatter(index)) * step
    if (dueMs > performance.now()) await sleep(dueMs - performance.now())
    else act(index++)
  }
}

/** Between 0 and 1, and the same in every run. */
function scatter(index: number): number {
  return ((index * 2_654_435_761) % 2 ** 32) / 2 ** 32
}
