import { createHash } from 'node:crypto'
import { isLimit } from '../../packages/server/src/limits/limits.js'
import { Canaries } from '../support/canaries.js'
import { type RelayProcess, startRelay } from '../support/relay.js'
import { until } from '../support/until.js'
import { attackerOf } from './attackers.js'
import { Bystanders } from './bystanders.js'
import { vitalsOf } from './vitals.js'

// what it takes at rest is some 100 MiB; the rest is garbage that is not collected yet, and what frames may take
const peakMiBMax = 700

// the rates have tests of their own: here is what would come of all this without them
const rates = ['Connections', 'Refusals', 'Opens', 'Messages', 'Bytes', 'ExchangeBytes'].flatMap((what) =>
  ['address', 'subject', 'session'].flatMap((whose) => ['Burst', 'PerSecond'].map((how) => `${whose}${what}${how}`)),
)
const unbounded = rates.filter(isLimit).flatMap((name) => ['--limit', `${name}=1000000000000`])

/** A relay with people on it who mean no harm: some on the document that is attacked, some on one of their own. */
export class World {
  readonly relay: RelayProcess
  readonly canaries: Canaries
  readonly victims: Bystanders
  readonly others: Bystanders
  readonly #pid: number
  readonly #lines: string[]

  private constructor(
    relay: RelayProcess,
    canaries: Canaries,
    victims: Bystanders,
    others: Bystanders,
    lines: string[],
  ) {
    this.relay = relay
    this.canaries = canaries
    this.victims = victims
    this.others = others
    this.#pid = relay.process.pid!
    this.#lines = lines
  }

  static async begin(args: readonly string[] = []): Promise<World> {
    const relay = await startRelay({ args: ['--log-level', 'debug', ...unbounded, ...args] })
    const lines: string[] = []
    const listen = (bytes: Buffer) => void lines.push(bytes.toString())
    relay.process.stderr!.on('data', listen)
    relay.process.stdout!.on('data', listen)
    const canaries = new Canaries()
    const victims = await Bystanders.join(relay, 'target', canaries)
    const others = await Bystanders.join(relay, 'own', canaries)
    return new World(relay, canaries, victims, others, lines)
  }

  /** What the relay has logged. */
  get log(): string {
    return this.#lines.join('')
  }

  attacker<D extends Parameters<typeof attackerOf>[0]>(dialect: D, document = 'target') {
    return attackerOf<D>(dialect, { url: this.relay.webSocketUrl, document, canaries: this.canaries })
  }

  /** All that the relay has of the document that is attacked: equal before and after what it refused. */
  async state(): Promise<string> {
    const probe = await this.attacker('native')
    await probe.join()
    const [opened] = probe.replies.flatMap((reply) => (reply.type === 'opened' ? [reply.point] : []))
    const [synced] = probe.replies.flatMap((reply) => (reply.type === 'synced' ? [reply.update] : []))
    probe.leave()
    const digest = createHash('sha256')
      .update(synced ?? new Uint8Array())
      .digest('hex')
    return JSON.stringify({ ...opened, digest })
  }

  /** The process lives, takes no more than it may, and nobody noticed anything. */
  async isWell(): Promise<void> {
    await Promise.all([this.victims.inSync(), this.others.inSync()])
    if (!this.relay.isRunning || this.relay.process.pid !== this.#pid) throw new Error('the relay died')
    if (this.canaries.strays.length > 0) throw new Error(`strays: ${this.canaries.strays.join('; ')}`)
    const vitals = vitalsOf(this.relay)
    if (vitals !== null && vitals.peakMiB > peakMiBMax) throw new Error(`it took ${vitals.peakMiB} MiB`)
  }

  /** The log is lines of JSON, none of them made by a stranger. */
  async logIsSound(): Promise<void> {
    await until('the log to end a line', () => this.log.endsWith('\n') || this.log === '')
    for (const line of this.log.split('\n').filter((text) => text !== '')) {
      const fields = JSON.parse(line) as Record<string, unknown>
      if ('injected' in fields || line.length > 8_000) throw new Error(`a line that a stranger made: ${line}`)
      if (fields.level === 'error') throw new Error(`an error was logged: ${line}`)
    }
  }

  async end(): Promise<void> {
    await Promise.all([this.victims.leave(), this.others.leave()])
    await this.relay.stop()
  }
}
