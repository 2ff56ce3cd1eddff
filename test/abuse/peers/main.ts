/**
 * `npm run abuse:peers`: sends what the cases of SECURITY.md send to y-websocket's server and to Hocuspocus, in the
 * versions of test/bench/peers, and prints what came of it. Nothing is judged here.
 */
import * as Y from 'yjs'
import { cpuMsOf, peakBytesOf } from '../../bench/machine.js'
import { type ServerKind, serverKinds } from '../../bench/servers/kinds.js'
import { Server } from '../../bench/servers/server.js'
import { Canaries } from '../../support/canaries.js'
import { type Abuse, threats } from '../abuse.js'
import { type Attacker, attackerOf, type Dialect } from '../attackers.js'
import { textOf } from '../bytes.js'
import { presences } from '../cases/awareness.js'
import { messages } from '../cases/messages.js'
import { names } from '../cases/names.js'
import { updates } from '../cases/updates.js'

const MiB = 2 ** 20
const answerMs = 4_000
const hungMs = 10_000
const hung = `nobody is served for ${hungMs / 1_000} s`
const paths = { 'y-websocket': '/', hocuspocus: '/' }
const cases: readonly Abuse[] = [...updates, ...presences, ...messages, ...names]

const peers: readonly { readonly name: string; readonly dialect: Dialect; readonly kind: string }[] = [
  { name: '@y/websocket-server', dialect: 'y-websocket', kind: 'y-websocket + LevelDB' },
  { name: 'Hocuspocus', dialect: 'hocuspocus', kind: 'Hocuspocus + SQLite' },
]

/** One server, started anew where a case has ended it. */
class Peer {
  readonly dialect: Dialect
  readonly #kind: ServerKind
  #server: Server

  private constructor(dialect: Dialect, kind: ServerKind, server: Server) {
    this.dialect = dialect
    this.#kind = kind
    this.#server = server
  }

  static async start(dialect: Dialect, kind: ServerKind): Promise<Peer> {
    return new Peer(dialect, kind, await Server.start(kind))
  }

  /** Does one case on a document of its own, and tells what came of it. */
  async suffer(row: Abuse, number: number): Promise<string> {
    const document = row.threat === 'names' && row.document !== undefined ? row.document : `case ${number}`
    const seen: string[] = []
    if (!(await inTime(this.#seed(document)))) return 'the document is not served'
    const { pid } = this.#server
    const before = { cpuMs: cpuMsOf(pid), peak: peakBytesOf(pid) }
    const attacker = await this.#attacker(document)
    seen.push(await this.#attack(row, attacker))
    const harm = (await this.#isGone()) ? 'the process ended' : (await this.#serves()) ? '' : hung
    if (harm !== '') {
      await this.#again()
      return [...seen, harm].join('; ')
    }
    const live = await this.#newcomer(document)
    attacker.leave()
    const stored = await this.#newcomer(document)
    seen.push(live.fault, stored.fault === live.fault ? '' : `after a reload: ${stored.fault || 'well'}`)
    if (live.state !== stored.state) seen.push('another document after a reload')
    else if (live.state !== seedState && live.fault === '') seen.push('kept')
    if (await this.#isGone()) {
      await this.#again()
      return [...seen, 'the process ended when the document was opened'].join('; ')
    }
    const cpuMs = cpuMsOf(pid) - before.cpuMs
    const grownMiB = Math.round((peakBytesOf(pid) - before.peak) / MiB)
    if (cpuMs >= 500) seen.push(`${cpuMs} ms of CPU`)
    if (grownMiB >= 64) seen.push(`${grownMiB} MiB more at its peak`)
    return seen.filter((text) => text !== '').join('; ')
  }

  async #again(): Promise<void> {
    await this.#server.remove()
    this.#server = await Server.start(this.#kind)
  }

  end(): Promise<void> {
    return this.#server.remove()
  }

  /** What an attacker of another server would say to this one. */
  async #attacker(document: string): Promise<Attacker> {
    const target = { url: this.#server.base, document, canaries: new Canaries(), paths }
    return (await attackerOf(this.dialect, target)) as Attacker
  }

  async #seed(document: string): Promise<void> {
    const writer = await this.#attacker(document)
    await writer.join()
    writer.update(textOf(1, 'seed'))
    await writer.isServed()
    writer.leave()
  }

  async #attack(row: Abuse, attacker: Attacker): Promise<string> {
    const isIn = row.joins === false || (await inTime(attacker.join()))
    if (!isIn) return told(attacker) || 'not let in'
    const isDone = await inTime(Promise.resolve(row.attack(attacker as never, { clientID: 1 })))
    const isServed = await inTime(attacker.isServed(), () => told(attacker) !== '')
    const answer = told(attacker) || (isServed ? 'served' : isDone ? 'no answer' : 'not done in time')
    return answer
  }

  async #isGone(): Promise<boolean> {
    await new Promise((done) => setTimeout(done, 100))
    try {
      return this.#server.pid === 0
    } catch {
      return true
    }
  }

  /** Whether somebody else is served, on another document. */
  async #serves(): Promise<boolean> {
    return inTime(this.#seed('another document'), () => false, hungMs)
  }

  /** Whether the document opens for somebody who comes later, and is whole. */
  async #newcomer(document: string): Promise<{ readonly fault: string; readonly state: string }> {
    const doc = new Y.Doc()
    let fault = ''
    const reader = await this.#attacker(document)
    reader.socket.on('message', (data) => {
      const frame = new Uint8Array(data as Buffer)
      try {
        applyTo(doc, this.dialect, frame)
      } catch (error) {
        fault = `a load throws ${error instanceof Error ? error.name : 'something'}`
      }
    })
    const isIn = await inTime(reader.join())
    // one that loads while it answers sends the rest a little later
    await new Promise((done) => setTimeout(done, 300))
    const ending = told(reader)
    reader.leave()
    const isPending = doc.store.pendingStructs !== null || doc.store.pendingDs !== null
    if (!isIn) fault ||= `a newcomer is not served${ending === '' ? '' : `: ${ending}`}`
    else if (isPending) fault ||= 'a load has pending content'
    return { fault, state: stateOf(doc) }
  }
}

/** What tells two documents apart. */
function stateOf(doc: Y.Doc): string {
  return Buffer.from(Y.encodeStateAsUpdate(doc)).toString('base64')
}

function told({ closed, ended }: Attacker): string {
  if (closed !== null) return `closed with ${closed.code}`
  return ended === null ? '' : 'its session ended'
}

/** True where something is done in time; whatever it throws, it is not. */
async function inTime(work: Promise<unknown>, isOver = () => false, ms = answerMs): Promise<boolean> {
  const end = performance.now() + ms
  let isDone: boolean | null = null
  work.then(
    () => {
      isDone = true
    },
    () => {
      isDone = false
    },
  )
  while (isDone === null && performance.now() < end && !isOver()) await new Promise((done) => setTimeout(done, 5))
  return isDone === true
}

/** Applies what a frame brings of the document. */
function applyTo(doc: Y.Doc, dialect: Dialect, frame: Uint8Array): void {
  let at = 0
  const number = () => {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = frame[at++]!
      value += (byte & 127) * factor
      if (byte < 128) return value
    }
  }
  if (dialect === 'hocuspocus') {
    if (frame.length === 1) return
    const length = number()
    at += length
  }
  if (number() !== 0 || number() === 0) return
  const length = number()
  Y.applyUpdate(doc, frame.subarray(at, at + length))
}

const seeded = new Y.Doc()
Y.applyUpdate(seeded, textOf(1, 'seed'))
const seedState = stateOf(seeded)

const rows = new Map<string, string[]>()
for (const { name, dialect, kind: kindName } of peers) {
  const kind = serverKinds.find((each) => each.name === kindName)!
  if (!kind.isInstalled) {
    console.log(`${name} is not installed: not run`)
    continue
  }
  const peer = await Peer.start(dialect, kind)
  for (const [number, row] of cases.entries()) {
    if (row.by !== dialect) continue
    const outcome = await peer.suffer(row, number)
    const lines = rows.get(row.threat) ?? []
    rows.set(row.threat, [...lines, `${name} | ${row.name.slice(0, 70)} | ${outcome}`])
    process.stderr.write('.')
  }
  await peer.end()
}
process.stderr.write('\n')
for (const threat of threats) {
  console.log(`\n${threat}`)
  for (const line of rows.get(threat) ?? ['not run']) console.log(`  ${line}`)
}
process.exit()
