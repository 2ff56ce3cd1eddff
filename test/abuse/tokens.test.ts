import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import * as Y from 'yjs'
import { askRelay } from '../../packages/server/src/control/client.js'
import { Canaries } from '../support/canaries.js'
import { secret, signed } from '../support/issuer.js'
import { type RelayProcess, startRelay } from '../support/relay.js'
import { until } from '../support/until.js'
import { type Attacker, attackerOf, type Dialect, dialects, HocuspocusAttacker, NativeAttacker } from './attackers.js'
import { awareness, textOf } from './bytes.js'

const directory = mkdtempSync(join(tmpdir(), 'syncline-abuse-'))
const file = join(directory, 'secret')
const canaries = new Canaries()

let relay: RelayProcess
let owner: NativeAttacker
beforeAll(async () => {
  writeFileSync(file, secret, { mode: 0o600 })
  relay = await startRelay({ args: ['--jwt-secret-file', file] })
  owner = await attacker('native', 'target', await signed({ sub: 'owner' }))
  await owner.join()
  owner.update(textOf(1, canaries.of('target')), true)
  await owner.isServed()
})
afterAll(async () => {
  await relay.stop()
  rmSync(directory, { recursive: true, force: true })
})

function attacker<D extends Dialect>(dialect: D, document: string, token: string) {
  return attackerOf(dialect, { url: relay.webSocketUrl, document, canaries, token })
}

const base64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const later = () => Math.floor(Date.now() / 1_000) + 3_600
const claims = () => ({ sub: 'eve', exp: later(), documents: { '*': 'write' } })

const refused: readonly [name: string, token: () => string | Promise<string>, code: string][] = [
  ['none', () => '', 'unauthorized'],
  ['that is none', () => 'canary', 'unauthorized'],
  ['without a signature, `alg: none`', () => `${base64({ alg: 'none' })}.${base64(claims())}.`, 'unauthorized'],
  [
    'with the algorithm of another kind of key',
    () => `${base64({ alg: 'RS256' })}.${base64(claims())}.AAAA`,
    'unauthorized',
  ],
  ['of another secret', () => signed({}, 'another secret, long enough for HS256'), 'unauthorized'],
  [
    'whose claims were changed',
    async () => (await signed({})).replace(/\.[^.]+\./, `.${base64(claims())}.`),
    'unauthorized',
  ],
  ['of last year', () => signed({ iat: 1, exp: 1_000_000_000 }), 'token_expired'],
  ['for a year', () => signed({ exp: later() + 366 * 86_400 }), 'unauthorized'],
  ['without a subject', () => signed({ sub: '' }), 'unauthorized'],
  ['for another document', () => signed({ documents: { other: 'write', 'target/*': 'write' } }), 'forbidden'],
  [
    'whose documents are those of `Object.prototype`',
    () => signed({ documents: JSON.parse('{"__proto__":"write"}') }),
    'forbidden',
  ],
  ['with a thousand stars', () => signed({ documents: { [`${'*a'.repeat(1_000)}b`]: 'write' } }), 'forbidden'],
]

test.each(refused.flatMap(([name, token, code]) => dialects.map((dialect) => [dialect, name, code, token] as const)))(
  'tokens: %s: one %s: %s',
  async (dialect, _name, code, token) => {
    const eve = await attacker(dialect, 'target', await token())
    void eve.join().catch(() => {})
    await until('it to be refused', () => eve.ended !== null, { seen: () => eve.closed })
    expect(eve.ended).toBe(code)
    expect(eve.syncs).toBe(0)
    eve.leave()
    await owner.isServed()
  },
)

test.each(dialects)('readers who write: %s: nothing of it is kept, and its cursor is seen', async (dialect) => {
  const reader = await attacker(dialect, 'target', await signed({ sub: 'reader', documents: { target: 'read' } }))
  const { bytes } = owner
  if (dialect === 'native') {
    // whoever knows its access sends no answer; one that does is refused
    await (reader as NativeAttacker).greet()
    ;(reader as NativeAttacker).ask({ type: 'open', name: 'target', resume: null, stateVector: Uint8Array.of(0) })
    await until('it to be opened', () => reader.syncs > 0)
  } else await reader.join()
  reader.awareness(awareness([4_000, 1, '{"name":"reader"}']))
  await until('its cursor to be seen', () => owner.bytes > bytes)
  reader.update(textOf(2_000, 'mine'))
  await until('it to be refused', () => reader.ended !== null, { seen: () => reader.closed })
  expect(reader.ended).toBe('read_only')
  reader.leave()
  expect(await text()).toBe(canaries.of('target'))
})

test('tokens: one of another subject ends the session that was opened with the first', async () => {
  const eve = await attacker('native', 'target', await signed({ sub: 'eve' }))
  await eve.join()
  eve.say({ type: 'token', token: await signed({ sub: 'owner' }) })
  await until('it to end', () => eve.ended !== null)
  expect(eve.ended).toBe('unauthorized')
  eve.leave()
})

test('tokens: 3,000 of them on one connection cost what it takes to look at them one by one', async () => {
  const eve = await attacker('native', 'target', await signed({ sub: 'eve' }))
  await eve.join()
  for (let i = 0; i < 3_000; i++) eve.say({ type: 'token', token: 'x'.repeat(500) })
  await owner.isServed()
  await until('it to end', () => eve.ended !== null)
  eve.leave()
})

test('tokens: after a revocation not a byte goes in or out, on any session', async () => {
  const token = await signed({ sub: 'mallory' })
  const all: Attacker[] = []
  for (const dialect of dialects) {
    const mallory = await attacker(dialect, 'target', token)
    await mallory.join()
    all.push(mallory)
  }
  await askRelay(relay.dataDirectory, { path: '/revoke', body: { subject: 'mallory' } })
  await until('all to end', () => all.every(({ ended }) => ended === 'revoked'), {
    seen: () => all.map(({ ended }) => ended),
  })
  const bytes = all.map((each) => each.bytes)
  for (const each of all) if (each.closed === null) each.update(textOf(3_000, 'more'))
  owner.update(textOf(4_000, 'for others'), true)
  await owner.isServed()
  for (const each of all) if (each instanceof NativeAttacker) await each.isHeard()
  expect(all.map((each) => each.bytes - (each instanceof NativeAttacker ? 3 : 0))).toEqual(bytes)
  expect(all.some((each) => each instanceof HocuspocusAttacker)).toBe(true)
  for (const each of all) each.leave()
  await until('the edit to be there', async () => (await text()) === `${canaries.of('target')}for others`)
  expect(canaries.strays).toEqual([])
})

async function text(): Promise<string> {
  const reader = await attacker('native', 'target', await signed({ sub: 'owner' }))
  await reader.join()
  const doc = new Y.Doc()
  for (const reply of reader.replies) if (reply.type === 'synced' && reply.update) Y.applyUpdate(doc, reply.update)
  reader.leave()
  return doc.getText('t').toString()
}
