import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { within } from './until.js'

const startMsMax = 60_000

const executable = findFirefox()

/** True where the tests in Firefox have to be skipped; with SYNCLINE_REQUIRE_FIREFOX=1 they fail instead. */
export const withoutFirefox = executable === null && process.env.SYNCLINE_REQUIRE_FIREFOX !== '1'

function findFirefox(): string | null {
  const candidates = [process.env.SYNCLINE_FIREFOX, 'firefox-esr', 'firefox']
  for (const candidate of candidates) {
    if (candidate === undefined) continue
    try {
      execFileSync(candidate, ['--version'], { stdio: 'ignore', timeout: startMsMax })
      return candidate
    } catch {
      // not this one
    }
  }
  return null
}

/** A stock Firefox without a window, driven by WebDriver BiDi, which it speaks itself. It ends with the test. */
export class Firefox {
  readonly #child: ChildProcess
  readonly #socket: WebSocket
  readonly #profile: string
  readonly #answers = new Map<number, { done: (result: unknown) => void; fail: (error: Error) => void }>()
  #commands = 0

  private constructor(child: ChildProcess, socket: WebSocket, profile: string) {
    this.#child = child
    this.#socket = socket
    this.#profile = profile
    socket.on('message', (data) => this.#answered(JSON.parse(String(data))))
  }

  static async start(): Promise<Firefox> {
    if (executable === null) throw new Error('no Firefox found; SYNCLINE_FIREFOX can name one')
    const profile = mkdtempSync(join(tmpdir(), 'syncline-firefox-'))
    const child = spawn(
      executable,
      ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port=0', 'about:blank'],
      { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, HOME: profile, MOZ_DISABLE_CONTENT_SANDBOX: '1' } },
    )
    const listening = new Promise<string>((resolve) => {
      createInterface({ input: child.stderr! }).on('line', (line) => {
        const [, url] = /WebDriver BiDi listening on (ws:\S+)/.exec(line) ?? []
        if (url) resolve(url)
      })
    })
    const socket = new WebSocket(`${await within('Firefox to start', listening, startMsMax)}/session`)
    await once(socket, 'open')
    const firefox = new Firefox(child, socket, profile)
    onTestFinished(() => firefox.stop())
    await firefox.ask('session.new', { capabilities: {} })
    return firefox
  }

  /** Opens a tab on an address. */
  async open(url: string): Promise<FirefoxTab> {
    const { context } = (await this.ask('browsingContext.create', { type: 'tab' })) as { context: string }
    await this.ask('browsingContext.navigate', { context, url, wait: 'complete' })
    return new FirefoxTab(this, context)
  }

  ask(method: string, params: object): Promise<unknown> {
    const id = ++this.#commands
    this.#socket.send(JSON.stringify({ id, method, params }))
    return within(method, new Promise((done, fail) => this.#answers.set(id, { done, fail })), startMsMax)
  }

  async stop(): Promise<void> {
    this.#socket.terminate()
    const exited = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exited
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }

  #answered({ id, type, result, error, message }: Record<string, unknown>): void {
    const answer = this.#answers.get(id as number)
    this.#answers.delete(id as number)
    if (type === 'success') answer?.done(result)
    else answer?.fail(new Error(`${error}: ${message}`))
  }
}

/** A tab of Firefox. */
export class FirefoxTab {
  readonly #firefox: Firefox
  readonly #context: string

  constructor(firefox: Firefox, context: string) {
    this.#firefox = firefox
    this.#context = context
  }

  /** Runs an expression in the page and waits for what it promises. The value has to be JSON. */
  async run<T>(expression: string): Promise<T> {
    const answer = (await this.#firefox.ask('script.evaluate', {
      expression: `Promise.resolve(${expression}).then((value) => JSON.stringify(value ?? null))`,
      target: { context: this.#context },
      awaitPromise: true,
    })) as { type: string; result?: { value: string }; exceptionDetails?: { text: string } }
    if (answer.type !== 'success') throw new Error(`in Firefox: ${answer.exceptionDetails?.text}`)
    return JSON.parse(answer.result!.value) as T
  }

  async close(): Promise<void> {
    await this.#firefox.ask('browsingContext.close', { context: this.#context })
  }
}
