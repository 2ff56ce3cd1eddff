import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readText } from '../support/tree.js'
import { until } from '../support/until.js'
import { type Abuse, type Outcome, threats } from './abuse.js'
import type { Attacker, NativeAttacker } from './attackers.js'
import { textOf } from './bytes.js'
import { presences } from './cases/awareness.js'
import { messages } from './cases/messages.js'
import { names } from './cases/names.js'
import { updates } from './cases/updates.js'
import { upgrades } from './cases/upgrades.js'
import { vitalsOf } from './vitals.js'
import { World } from './world.js'

const cases: readonly Abuse[] = [...updates, ...presences, ...messages, ...names]

const documentsOfSlowReader = 98
const bytesOfSlowReader = 2 ** 20

let world: World
let slowReader: NativeAttacker
beforeAll(async () => {
  world = await World.begin()
  slowReader = await aSlowReader()
})
afterAll(() => world.end())

describe.each(threats.filter((threat) => cases.some((row) => row.threat === threat)))('%s', (threat) => {
  const rows = cases.filter((row) => row.threat === threat)
  test.each(rows.map((row) => [row.by, row.name, row] as const))('%s: %s', async (_by, _name, row) => {
    const before = await world.state()
    const attacker = (await world.attacker(row.by, row.document)) as Attacker
    if (row.joins !== false) await attacker.join()
    await row.attack(attacker as never, world.victims.awareness)
    await comesTo(attacker, row.outcome)
    expect(await world.state()).toBe(before)
    attacker.leave()
    await world.isWell()
  })
})

describe('before there is a WebSocket', () => {
  test.each(upgrades.map((row) => [row.threat, row.name, row] as const))('%s: %s', async (_threat, _name, row) => {
    const before = await world.state()
    await row.attack(world.relay)
    expect(await world.state()).toBe(before)
    await world.isWell()
  })
})

test('awareness spoof: what somebody says of themselves is what others see, and nothing else', async () => {
  const { awareness, seen } = world.victims
  awareness.setLocalState({ name: 'ada' })
  const { clientID } = awareness
  await until('the other one to see it', () => seen.getStates().has(clientID))
  for (const dialect of ['native', 'y-websocket', 'hocuspocus'] as const) {
    const attacker = await world.attacker(dialect)
    await attacker.join()
    for (const [row] of [presences.filter(({ threat, by }) => threat === 'awareness spoof' && by === dialect)]) {
      for (const spoof of row ? [row] : []) await spoof.attack(attacker as never, awareness)
    }
    await attacker.isServed()
    await world.victims.inSync()
    expect(seen.getStates().get(clientID)).toEqual({ name: 'ada' })
    attacker.leave()
  }
  awareness.setLocalState({ name: 'ada again' })
  const isNew = () => JSON.stringify(seen.getStates().get(clientID)) === '{"name":"ada again"}'
  await until('the other one to see that', isNew, { seen: () => seen.getStates() })
})

test('slow reader: one that takes nothing is sent no more than fits a socket, and does not stay', async () => {
  // no earlier: whoever begins to read is not slow any more
  await until('the relay to end it', () => world.log.split('\n').some(isEndOfSlowReader), { timeoutMs: 90_000 })
  expect(slowReader.bytes).toBeLessThan(8 * 2 ** 20)
  slowReader.socket.resume()
  await until('it to be closed', () => slowReader.closed !== null)
  expect([1006, 4408]).toContain(slowReader.closed!.code)
  await world.isWell()
}, 120_000)

test('the log is lines of JSON without a secret, and no error was logged', async () => {
  await world.logIsSound()
  expect(world.log).toContain('refused')
  expect(world.log).not.toContain('canary')
})

test('no frame had a byte of a document that its client had not opened', () => {
  const { seen, frames, strays } = world.canaries
  console.log(`${frames} frames were scanned: ${seen} with the canary of their own document, ${strays.length} strays`)
  expect(strays).toEqual([])
  expect(seen).toBeGreaterThan(cases.length)
})

test('memory and CPU stay bounded through all of it', () => {
  const vitals = vitalsOf(world.relay)
  console.log(`${cases.length + upgrades.length} cases; the relay: ${JSON.stringify(vitals)}`)
  expect(vitals?.rssMiB ?? 0).toBeLessThan(500)
  expect(vitals?.cpuSeconds ?? 0).toBeLessThan(0.1 * (cases.length + upgrades.length))
})

describe('the table', () => {
  test('has cases for each threat, and SECURITY.md a row', () => {
    expect(cases.length + upgrades.length).toBeGreaterThanOrEqual(60)
    const covered = new Set<string>([...cases, ...upgrades].map(({ threat }) => threat))
    // these have tests of their own: above, in floods.test.ts and in tokens.test.ts
    for (const threat of ['slow reader', 'connection and churn floods', 'readers who write']) covered.add(threat)
    expect(threats.filter((threat) => !covered.has(threat))).toEqual([])
    const page = readText('SECURITY.md')
    expect(threats.filter((threat) => !page.includes(`| ${threat} |`))).toEqual([])
  })
})

async function comesTo(attacker: Attacker, outcome: Outcome): Promise<void> {
  const seen = () => ({ closed: attacker.closed, ended: attacker.ended, resyncs: attacker.resyncs })
  if (outcome === 'served') return attacker.isServed()
  if (outcome === 'resync') {
    await attacker.isServed()
    expect(seen()).toEqual({ closed: null, ended: null, resyncs: 1 })
    return
  }
  if ('closed' in outcome) {
    await until(`it to be closed with ${outcome.closed}`, () => attacker.closed !== null, { seen })
    const code = outcome.code ?? null
    expect([attacker.closed!.code, attacker.ended]).toEqual([outcome.closed, code])
    return
  }
  await until(`its session to end with ${outcome.ended}`, () => attacker.ended !== null, { seen })
  expect(seen()).toMatchObject({ ended: outcome.ended, closed: null })
}

/** A line that says that the relay has ended it: for what it did not take, or for a heartbeat that it did not answer. */
function isEndOfSlowReader(line: string): boolean {
  if (!line.includes('"connection_ended"')) return false
  // of nobody else so much was left lying; how much of what it asks for was read depends on what came in one piece
  const { code, sentBytes } = JSON.parse(line)
  return ['slow_reader', 'silent'].includes(code) && sentBytes > bytesOfSlowReader
}

/** Asks for more than a socket takes, and reads nothing of it. */
async function aSlowReader(): Promise<NativeAttacker> {
  const writer = await world.attacker('native', 'heavy')
  await writer.join()
  const text = 'x'.repeat(400_000)
  for (let i = 0; i < 20; i++) writer.update(textOf(1_000 + i, text))
  await writer.isServed()
  const reader = await world.attacker('native', 'heavy')
  await reader.greet()
  reader.socket.pause()
  for (let channel = 2; channel < 2 + documentsOfSlowReader; channel++) {
    reader.ask({ type: 'open', name: 'heavy', resume: null, stateVector: Uint8Array.of(0) }, channel)
  }
  writer.leave()
  return reader
}
