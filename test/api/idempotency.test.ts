import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MemoryLog } from '@syncline/server'
import { describe, expect, onTestFinished, test } from 'vitest'
import { TestClock } from '../relay/support.js'
import { startRelay } from '../support/relay.js'
import { until } from '../support/until.js'
import { json, jsonPatch, startApi } from './support.js'

const keyed = (key: string) => ({ 'Idempotency-Key': key })
const add = (value: unknown, key: string) => jsonPatch([{ op: 'add', path: '/list/-', value }], keyed(key))

describe('an edit with an Idempotency-Key', () => {
  test('is made once, whether it is sent again later or at the same time', async () => {
    const { ask } = await startApi()
    await ask('/documents/a', json('PUT', { list: [0] }))
    const [first, ...others] = await Promise.all(Array.from({ length: 5 }, () => ask('/documents/a', add(1, 'k'))))
    const later = await ask('/documents/a', add(1, 'k'))
    for (const answer of [...others, later]) {
      expect([answer.status, await answer.clone().json()]).toEqual([200, await first!.clone().json()])
      expect(answer.headers.get('Idempotency-Replayed')).toBe('true')
    }
    const conflict = await ask('/documents/a', add(2, 'k'))
    expect([conflict.status, (await conflict.json()).code]).toEqual([422, 'idempotency_conflict'])
    expect(await (await ask('/documents/a')).json()).toEqual({ list: [0, 1] })
  })

  test('may be tried again where it was refused', async () => {
    const { ask } = await startApi()
    await ask('/documents/a', json('PUT', { list: [0] }))
    const patch = jsonPatch([{ op: 'add', path: '/later/x', value: 1 }], keyed('k'))
    expect((await ask('/documents/a', patch)).status).toBe(409)
    await ask('/documents/a', jsonPatch([{ op: 'add', path: '/later', value: { y: 1 } }]))
    expect((await ask('/documents/a', patch)).status).toBe(200)
  })

  test('is forgotten after a day', async () => {
    const clock = new TestClock()
    const { ask } = await startApi({ clock })
    await ask('/documents/a', json('PUT', { list: [0] }))
    await ask('/documents/a', add(1, 'k'))
    clock.pass(23 * 3_600_000)
    await ask('/documents/a', add(1, 'k'))
    expect(await (await ask('/documents/a')).json()).toEqual({ list: [0, 1] })
    clock.pass(2 * 3_600_000)
    await ask('/documents/a', add(1, 'k'))
    expect(await (await ask('/documents/a')).json()).toEqual({ list: [0, 1, 1] })
  })

  test.each([
    ['that it was answered', 1],
    ['that it was begun', 2],
  ])('is made once where a crash has left %s', async (_story, linesLost) => {
    const directory = mkdtempSync(join(tmpdir(), 'syncline-keys-'))
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    const idempotencyFile = join(directory, 'keys')
    const log = new MemoryLog()
    const first = await startApi({}, { idempotencyFile }, log)
    await first.ask('/documents/a', json('PUT', { list: [0, 1] }))
    const remove = jsonPatch([{ op: 'remove', path: '/list/0' }], keyed('delete'))
    await first.ask('/documents/a', remove)
    const insert = add(2, 'insert')
    await first.ask('/documents/a', insert)
    const lines = readFileSync(idempotencyFile, 'utf8').trimEnd().split('\n')
    // the answers go, and a line that is cut; what was begun stays
    const kept = linesLost === 1 ? lines : lines.map((line) => JSON.stringify({ ...JSON.parse(line), point: null }))
    writeFileSync(idempotencyFile, `${kept.join('\n')}\n{"key":"cut`)
    const second = await startApi({}, { idempotencyFile }, log)
    for (const again of [remove, insert]) {
      const answer = await second.ask('/documents/a', again)
      expect([answer.status, answer.headers.get('Idempotency-Replayed')]).toEqual([200, 'true'])
    }
    expect(await (await second.ask('/documents/a')).json()).toEqual({ list: [1, 2] })
  })
})

describe('a relay that is killed', () => {
  test('has every edit that it answered, and each of those with a key once', async () => {
    const relay = await startRelay()
    onTestFinished(() => relay.stop())
    const ask = (path: string, init?: RequestInit) => fetch(`${relay.url}/api/v1${path}`, init)
    await ask('/documents/a', json('PUT', { list: ['start'], plain: ['start'] }))
    const answered: string[] = []
    const sent: string[] = []
    for (let life = 0; life < 3; life++) {
      const ends = new AbortController()
      const writers = Array.from({ length: 8 }, async (_, writer) => {
        for (let edit = 0; !ends.signal.aborted; edit++) {
          const name = `${life} ${writer} ${edit}`
          sent.push(name)
          const plain = ask('/documents/a/append?pointer=/plain', json('POST', { items: [name] }))
          const answers = await Promise.all([ask('/documents/a', add(name, name)), plain]).catch(() => null)
          if (answers === null) return
          for (const answer of answers) expect(answer.status).toBe(200)
          answered.push(name)
        }
      })
      const enough = answered.length + 20 + 10 * life
      await until('some edits to be answered', () => answered.length >= enough)
      await relay.kill('SIGKILL')
      ends.abort()
      await Promise.all(writers)
      await relay.start()
      // everybody asks again for what was not answered, and for some that were
      const again = await Promise.all(
        sent
          .splice(0)
          .slice(-100)
          .map((name) => ask('/documents/a', add(name, name))),
      )
      expect(again.filter(({ status }) => status !== 200)).toEqual([])
    }
    const { list, plain } = await (await ask('/documents/a')).json()
    expect(new Set(list).size).toBe(list.length)
    const [once, all] = [new Set(list), new Set(plain)]
    expect(answered.length).toBeGreaterThan(50)
    expect(answered.filter((name) => !once.has(name) || !all.has(name))).toEqual([])
  })
})
