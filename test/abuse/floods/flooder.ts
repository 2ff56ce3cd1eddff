import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { bundleProgram } from '../../support/bundle.js'
import { within } from '../../support/until.js'
import type { Dialect } from '../attackers.js'
import type { Answer, Order } from './process.js'

/** The process of those who flood. */
export class Flooder {
  readonly #child: ChildProcess
  readonly #url: string

  private constructor(child: ChildProcess, url: string) {
    this.#child = child
    this.#url = url
  }

  /** @param url of the relay, such as `ws://127.0.0.1:4321` */
  static async start(url: string): Promise<Flooder> {
    return new Flooder(fork(await bundleProgram('test/abuse/floods/process.ts'), { execArgv: [] }), url)
  }

  /** Resolves when everybody has connected who takes part. */
  async begin(name: string, dialects: readonly Dialect[]): Promise<void> {
    await this.#ask({ type: 'begin', name, url: this.#url, dialects })
  }

  /** Ends it; the result is how often everybody sent some of it. Throws where something came to somebody else. */
  async end(): Promise<number> {
    const answer = await this.#ask({ type: 'end' })
    if (answer.type !== 'ended') throw new Error('the flood never began')
    if (answer.strays.length > 0) throw new Error(`strays: ${answer.strays.join('; ')}`)
    return answer.rounds
  }

  stop(): void {
    this.#child.kill()
  }

  async #ask(order: Order): Promise<Answer> {
    const answered = once(this.#child, 'message')
    this.#child.send(order)
    const [answer] = (await within('those who flood to answer', answered)) as [Answer]
    return answer
  }
}
