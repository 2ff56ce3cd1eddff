import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chainAfter } from '@syncline/protocol'
import { openLevelLog } from '@syncline/server'
import { Level } from 'level'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readText } from '../support/tree.js'

interface Fixture {
  readonly entries: readonly { readonly key: string; readonly value: string }[]
  readonly documents: readonly { readonly name: string; readonly stored: object; readonly history?: object }[]
}

describe.each(['format-1'])('a log that was written in %s', (format) => {
  const { entries, documents } = JSON.parse(readText(`test/fixtures/log/${format}.json`)) as Fixture
  let directory: string

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'syncline-log-'))
    const database = new Level<string, string>(join(directory, 'log'), { keyEncoding: 'hex', valueEncoding: 'hex' })
    await database.batch(entries.map(({ key, value }) => ({ type: 'put', key, value })))
    await database.close()
  })
  afterEach(() => rm(directory, { recursive: true }))

  test('is read as it was meant', async () => {
    const log = await openLevelLog(directory)
    expect((await log.list()).map(({ name }) => name)).toEqual(documents.map(({ name }) => name))
    for (const { name, stored, history = [] } of documents) {
      expect(withHex(await log.read(name)), name).toEqual(stored)
      expect(withHex(await log.history(name)), name).toEqual(history)
    }
    await log.close()
  })

  test('can be compacted', async () => {
    const log = await openLevelLog(directory)
    for (const { name } of documents) {
      const { epoch, records } = (await log.read(name))!
      const { position, chain } = records.at(-1)!
      const base = Uint8Array.of(0, 0)
      const point = { epoch, position, chain }
      expect(await log.replaceBase(name, { point, base, keepAfter: position, keepHistory: true })).toBe(true)
      const start = { position, chain }
      expect(await log.read(name)).toEqual({ epoch, base, basePosition: position, start, records: [] })
      expect((await log.history(name)).at(-1)).toEqual(records.at(-1))
    }
    await log.close()
  })

  test('can be written on', async () => {
    const log = await openLevelLog(directory)
    for (const { name } of documents) {
      const { epoch, records } = (await log.read(name))!
      const last = records.at(-1)!
      const runs = [{ author: 'new', update: Uint8Array.of(0, 0) }]
      const record = { position: last.position + 1, chain: chainAfter(last.chain, runs), time: 0, runs }
      await log.commit([{ document: name, epoch, record }])
      expect((await log.read(name))!.records).toEqual([...records, record])
    }
    await log.close()
  })
})

function withHex(value: unknown): unknown {
  const hex = (each: unknown) => (each instanceof Uint8Array ? `hex:${Buffer.from(each).toString('hex')}` : each)
  return JSON.parse(JSON.stringify(value, (_, each) => hex(each)))
}
