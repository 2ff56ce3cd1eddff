import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, connect as connectTcp, createServer as createTcpServer, type Socket } from 'node:net'
import { type Connection, type ConnectOptions, connect } from '@syncline/client'
import type { Append } from '@syncline/protocol'
import { MemoryLog, Relay, type RelayOptions, type Revocation } from '@syncline/server'
import { onTestFinished } from 'vitest'

/** A log that outlives its relay, and whose commits wait where the test wants it. */
export class TestLog extends MemoryLog {
  #gate: { readonly opened: Promise<void>; readonly open: () => void } | null = null

  /** From now on commits wait; the result lets them go on. */
  hold(): () => void {
    let open = () => {}
    const opened = new Promise<void>((resolve) => {
      open = resolve
    })
    this.#gate = { opened, open }
    return () => {
      this.#gate = null
      open()
    }
  }

  override async commit(appends: readonly Append[]): Promise<void> {
    await this.#gate?.opened
    await super.commit(appends)
  }

  override async close(): Promise<void> {}
}

/** A relay in this process, on a port that it keeps over restarts. */
export class TestRelay {
  readonly log = new TestLog()
  readonly #options: RelayOptions
  /** what it answers to HTTP: the page of a browser test */
  page: RequestListener = (_request, response) => response.writeHead(404).end()
  #port = 0
  #relay!: Relay
  #server!: Server

  constructor(options: RelayOptions = {}) {
    this.#options = options
  }

  get port(): number {
    return this.#port
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  get stats() {
    return this.#relay.stats()
  }

  remove(document: string): Promise<boolean> {
    return this.#relay.remove(document)
  }

  create(document: string): Promise<boolean> {
    return this.#relay.create(document)
  }

  revoke(revocation: Revocation): Promise<number> {
    return this.#relay.revoke(revocation)
  }

  async start(): Promise<void> {
    this.#relay = new Relay(this.log, this.#options)
    this.#server = createServer((request, response) => this.page(request, response))
    this.#relay.attach(this.#server)
    this.#server.listen(this.#port, '127.0.0.1')
    await once(this.#server, 'listening')
    this.#port = (this.#server.address() as AddressInfo).port
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    await this.#relay.close()
    await closed
  }
}

/** A relay that runs until the test is over. */
export async function startRelay(options?: RelayOptions): Promise<TestRelay> {
  const relay = new TestRelay(options)
  await relay.start()
  onTestFinished(() => relay.stop())
  return relay
}

/** A connection that is closed when the test is over. */
export function join(relay: { readonly url: string }, options?: ConnectOptions): Connection {
  const connection = connect(relay.url, options)
  onTestFinished(() => connection.close())
  return connection
}

/** A line to the relay that can be cut, or swallow everything. */
export class Wire {
  readonly #pairs = new Set<readonly [Socket, Socket]>()
  readonly #server = createTcpServer((near) => this.#carry(near))
  #isDown = false
  readonly #relay: TestRelay

  constructor(relay: TestRelay) {
    this.#relay = relay
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    onTestFinished(() => {
      this.cut()
      this.#server.close()
    })
  }

  /** Ends what is connected; new connections work. */
  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy()
  }

  /** Ends what is connected, and nothing connects until {@link restore}. */
  bringDown(): void {
    this.#isDown = true
    this.cut()
  }

  restore(): void {
    this.#isDown = false
  }

  /** From now on nothing arrives at either end of what is connected, and neither end is told. */
  swallow(): void {
    for (const [near, far] of this.#pairs) {
      near.unpipe(far).resume()
      far.unpipe(near).resume()
    }
  }

  #carry(near: Socket): void {
    if (this.#isDown) return void near.destroy()
    const far = connectTcp(this.#relay.port, '127.0.0.1')
    const pair = [near, far] as const
    this.#pairs.add(pair)
    for (const [one, other] of [pair, [far, near] as const]) {
      one.on('error', () => {})
      one.on('close', () => {
        this.#pairs.delete(pair)
        other.destroy()
      })
      one.pipe(other)
    }
  }
}
