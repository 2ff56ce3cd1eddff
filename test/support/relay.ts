import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { within } from './until.js'

/** The command `syncline`, as it was built last. */
export const synclineBinary = fileURLToPath(new URL('../../packages/server/bin/syncline.js', import.meta.url))
/** The same, starting in half of the time; see `oneFile.ts`. */
export const synclineOneFile = process.env.SYNCLINE_ONE_FILE ?? synclineBinary
const complaintsLengthMax = 20_000

/** How {@link startRelay} starts it. */
export interface RelayProcessOptions {
  /** default: a new temporary directory, removed by `stop` */
  readonly dataDirectory?: string
  /** default 0: any free port; a restart takes the same again */
  readonly port?: number
  /** further arguments of `syncline serve` */
  readonly args?: readonly string[]
  /** further environment variables */
  readonly env?: Readonly<Record<string, string>>
  /** the program; default: {@link synclineOneFile}, or what was built where NODE_OPTIONS load something that changes it */
  readonly binary?: string
}

const running = new Set<ChildProcess>()
// a test file that fails half way must not leave relays behind
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** The real relay, as a process of its own. */
export class RelayProcess {
  readonly dataDirectory: string
  readonly #options: RelayProcessOptions
  readonly #isOwnDirectory: boolean
  #port: number
  #url = ''
  #child: ChildProcess | null = null
  #complaints = ''

  constructor(options: RelayProcessOptions) {
    this.#options = options
    this.#port = options.port ?? 0
    this.#isOwnDirectory = options.dataDirectory === undefined
    this.dataDirectory = options.dataDirectory ?? mkdtempSync(join(tmpdir(), 'syncline-relay-'))
  }

  /** such as `http://127.0.0.1:4321` */
  get url(): string {
    return this.#url
  }

  /** the same for WebSockets, such as `ws://127.0.0.1:4321` */
  get webSocketUrl(): string {
    return this.#url.replace(/^http/, 'ws')
  }

  get port(): number {
    return this.#port
  }

  get isRunning(): boolean {
    return this.#child !== null
  }

  /** the process; throws where none runs */
  get process(): ChildProcess {
    if (this.#child === null) throw new Error('the relay is not running')
    return this.#child
  }

  /** what it wrote to stderr since it was started, the end of it */
  get complaints(): string {
    return this.#complaints
  }

  /** Starts it, again on the same port and directory where it ran before. Resolves when it listens. */
  async start(): Promise<void> {
    if (this.#child !== null) throw new Error('the relay is running already')
    const { args = [], env = {}, binary = 'NODE_OPTIONS' in env ? synclineBinary : synclineOneFile } = this.#options
    const child = spawn(
      process.execPath,
      [
        binary,
        'serve',
        ...['--port', String(this.#port), '--data', this.dataDirectory, '--log-level', 'warn'],
        ...args,
      ],
      { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] },
    )
    this.#child = child
    this.#complaints = ''
    running.add(child)
    child.once('exit', () => {
      running.delete(child)
      this.#child = null
    })
    child.stderr.on('data', (bytes) => {
      this.#complaints = (this.#complaints + bytes).slice(-complaintsLengthMax)
    })
    this.#url = await within('the relay to listen', this.#listening(child))
    this.#port = Number(new URL(this.#url).port)
  }

  /** Sends a signal and waits for the end. Returns the exit code, null where the signal ended it. */
  async kill(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.process
    const exited = once(child, 'exit')
    child.kill(signal)
    const [code] = await within(`the relay to end after ${signal}`, exited)
    return code
  }

  /** Kills it without warning and starts it on what it had on disk. */
  async restart(): Promise<void> {
    if (this.#child !== null) await this.kill('SIGKILL')
    await this.start()
  }

  /** Ends it where it runs, and removes the directory where it is ours. Throws where the end was not a clean one. */
  async stop(): Promise<void> {
    try {
      const code = this.#child === null ? 0 : await this.kill('SIGTERM')
      if (code !== 0) throw new Error(`the relay ended with ${code} on SIGTERM:\n${this.#complaints}`)
    } finally {
      this.#child?.kill('SIGKILL')
      if (this.#isOwnDirectory) rmSync(this.dataDirectory, { recursive: true, force: true })
    }
  }

  /** The URL in the line that says it is ready. Every line is read, so that a full pipe never stops the relay. */
  #listening(child: ChildProcess): Promise<string> {
    return new Promise((resolve, reject) => {
      createInterface({ input: child.stdout! }).on('line', (line) => {
        if (line.includes('"event":"listening"')) resolve(JSON.parse(line).url)
      })
      child.once('close', (code) =>
        reject(new Error(`the relay ended with ${code} at its start:\n${this.#complaints}`)),
      )
    })
  }
}

/** Starts a relay of its own for a test; the test calls `stop()` in the end. */
export async function startRelay(options: RelayProcessOptions = {}): Promise<RelayProcess> {
  const relay = new RelayProcess(options)
  await relay.start()
  return relay
}
