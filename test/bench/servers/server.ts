import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { WebSocket } from 'ws'
import { pinned } from '../machine.js'
import { dataDirectory, type ServerKind } from './kinds.js'

const startMsMax = 60_000
const stopMsMax = 15_000

/** Options of Node for the server's process. */
export interface ServerOptions {
  /** can be told to collect its garbage */
  readonly isInspected?: boolean
  /** where it leaves a CPU profile when it is stopped */
  readonly profileDirectory?: string | null
}

// SYNCLINE_TRACES is the bench's, and every variable of that name is an option to a relay
const foreignEnv = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('SYNCLINE_')))

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1))

/** A server as a process of its own, on the first core, with a data directory of its own. */
export class Server {
  readonly kind: ServerKind
  readonly #options: ServerOptions
  readonly #directory: string
  readonly #port: number
  #inspectPort = 0
  #child: ChildProcess | null = null
  #complaints = ''

  private constructor(kind: ServerKind, options: ServerOptions, port: number) {
    this.kind = kind
    this.#options = options
    this.#port = port
    mkdirSync(dataDirectory, { recursive: true })
    this.#directory = mkdtempSync(join(dataDirectory, 'server-'))
  }

  static async start(kind: ServerKind, options: ServerOptions = {}): Promise<Server> {
    const server = new Server(kind, options, await freePort())
    try {
      await server.start()
    } catch (error) {
      await server.remove()
      throw error
    }
    return server
  }

  /** the address of its wire */
  get base(): string {
    return `ws://127.0.0.1:${this.#port}${this.kind.path}`
  }

  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error(`${this.kind.name} does not run: ${this.#complaints}`)
    return this.#child.pid
  }

  /** Starts it, again on what it had on disk where it ran before. Resolves when it listens. */
  async start(): Promise<void> {
    const { args, env } = this.kind.command({ port: this.#port, directory: this.#directory })
    const [program, ...programArgs] = pinned(0, [process.execPath, ...(await this.#nodeOptions()), ...args])
    const child = spawn(program!, programArgs, { env: { ...foreignEnv, ...env }, stdio: ['ignore', 'ignore', 'pipe'] })
    this.#child = child
    running.add(child)
    child.once('exit', () => {
      running.delete(child)
      this.#child = null
    })
    child.stderr!.on('data', (bytes) => {
      this.#complaints = (this.#complaints + bytes).slice(-2_000)
    })
    await this.#untilListening()
  }

  /** Ends it as an operator does. */
  async stop(): Promise<void> {
    const late = setTimeout(() => this.#child?.kill('SIGKILL'), stopMsMax)
    await this.#end('SIGTERM')
    clearTimeout(late)
  }

  /** Ends it without warning. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** Ends it and removes what it wrote. */
  async remove(): Promise<void> {
    await (this.#options.profileDirectory ? this.stop() : this.kill())
    rmSync(this.#directory, { recursive: true, force: true })
  }

  /** Makes it free what it does not use any more. Only where it was started `isInspected`. */
  async collectGarbage(): Promise<void> {
    const response = await fetch(`http://127.0.0.1:${this.#inspectPort}/json`)
    const [target] = (await response.json()) as { webSocketDebuggerUrl: string }[]
    const inspector = new WebSocket(target!.webSocketDebuggerUrl)
    await once(inspector, 'open')
    for (let id = 1; id <= 3; id++) {
      inspector.send(JSON.stringify({ id, method: 'HeapProfiler.collectGarbage' }))
      await once(inspector, 'message')
    }
    inspector.terminate()
  }

  /** bytes of its files on disk */
  get diskBytes(): number {
    return readdirSync(this.#directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .reduce((sum, { parentPath, name }) => sum + sizeOf(join(parentPath, name)), 0)
  }

  async #nodeOptions(): Promise<string[]> {
    const { isInspected = false, profileDirectory = null } = this.#options
    if (isInspected) this.#inspectPort = await freePort()
    return [
      ...(isInspected ? [`--inspect=127.0.0.1:${this.#inspectPort}`] : []),
      ...(profileDirectory === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDirectory}`]),
    ]
  }

  async #untilListening(): Promise<void> {
    const start = performance.now()
    while (!(await canConnect(this.#port))) {
      if (this.#child === null) throw new Error(`${this.kind.name} ended at its start: ${this.#complaints}`)
      if (performance.now() - start > startMsMax) throw new Error(`${this.kind.name} does not listen`)
      await new Promise((done) => setTimeout(done, 10))
    }
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child
    if (child === null) return
    const ended = once(child, 'exit')
    child.kill(signal)
    await ended
  }
}

/** A file may be gone between the listing and the look: databases replace theirs. */
function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

/** Not one of those that the system gives to whoever asks for any: somebody might before the server has it. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000)
    const server = createServer().listen(port, '127.0.0.1')
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    )
    if (!isFree) continue
    server.close()
    await once(server, 'close')
    return port
  }
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => socket.destroy())
    socket.once('error', () => {})
    socket.once('close', (failed) => resolve(!failed))
  })
}
