import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { joinNative } from '../support/clients.js'
import { until } from '../support/until.js'
import { emptyDirectory, flip, keyAt, startRelay, syncline, textOf, Writing, withLog, withRaw } from './support.js'

const words = ['one ', 'two ', 'three ', 'four ', 'five ', 'six ']

/** Three documents of six records each; of one the first four are in a base, of which the last two are kept. */
async function written(options: { keepHistory?: boolean } = {}) {
  const data = emptyDirectory()
  const writing = new Writing()
  await withLog(data, async (log) => {
    const commit = (word: string) =>
      log.commit(['based', 'notes', 'other'].map((document) => writing.next(document, word)))
    for (const word of words.slice(0, 4)) await commit(word)
    await log.replaceBase('based', {
      point: writing.point('based'),
      base: writing.all('based'),
      keepAfter: 2,
      keepHistory: options.keepHistory ?? false,
    })
    for (const word of words.slice(4)) await commit(word)
  })
  return { data, writing }
}

const checked = async (data: string, ...flags: string[]) => {
  const { code, out, err } = await syncline('check', '--data', data, '--json', ...flags)
  expect(err).toBe('')
  const lines = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  return { code, sum: lines.at(-1), documents: Object.fromEntries(lines.slice(0, -1).map((line) => [line.name, line])) }
}
const texts = (data: string) =>
  withLog(data, async (log) => {
    const found: Record<string, string> = {}
    for (const { name } of await log.list()) {
      found[name] = await log.read(name).then(textOf, ({ code }) => code)
    }
    return found
  })
const whole = words.join('')

describe('syncline check', () => {
  test('reads everything, finds nothing, and ends with 0', async () => {
    const { data } = await written()
    const { code, sum, documents } = await checked(data, '--deep')
    expect(code).toBe(0)
    expect(sum).toEqual({ documents: 3, damaged: 0, writeAhead: [], copies: [], unreadable: null })
    expect(documents.based).toMatchObject({ epoch: '00c0ffee00c0ffee', position: 6, records: 4, faults: [] })
    expect(await syncline('check', '--data', data)).toMatchObject({ code: 0, out: '3 documents, 0 damaged\n' })
  })

  test('refuses a directory that has no documents, or that a relay has open', async () => {
    const empty = await syncline('check', '--data', emptyDirectory())
    expect([empty.code, empty.err]).toEqual([2, expect.stringMatching(/^syncline: invalid_option: --data/)])
    const relay = await startRelay()
    const inUse = await syncline('check', '--data', relay.dataDirectory)
    expect([inUse.code, inUse.err]).toEqual([1, expect.stringMatching(/^syncline: data_in_use/)])
  })

  test.each([
    ['a record', keyAt('r', 'notes', 3), { at: 'record', position: 3 }],
    ['the last record', keyAt('r', 'notes', 6), { at: 'record', position: 6 }],
    ['a record that is kept for resuming', keyAt('r', 'based', 3), { at: 'record', position: 3 }],
    ['the head', Buffer.from('dnotes'), { at: 'head' }],
    ['the base', keyAt('b', 'based', 4), { at: 'base' }],
  ])('finds a bit that was flipped in %s, and says where', async (_, key, fault) => {
    const { data } = await written()
    await flip(data, key, 5)
    const { code, sum, documents } = await checked(data)
    expect([code, sum.damaged]).toEqual([1, 1])
    const [name] = Object.keys(documents).filter((document) => documents[document].faults.length > 0)
    expect(documents[name!].faults[0]).toMatchObject({ ...fault, code: 'document_damaged' })
    const said = await syncline('check', '--data', data)
    expect(said.out).toMatch(new RegExp(`^"${name}" is damaged; it is whole up to record \\d\n  ${fault.at}`))
  })

  test('finds what is missing: a record, a head, a base, history that is not its own', async () => {
    const { data } = await written({ keepHistory: true })
    await withRaw(data, async (raw) => {
      await raw.del(keyAt('r', 'notes', 3))
      await raw.del(Buffer.from('dother'))
      await raw.put(keyAt('h', 'based', 1), (await raw.get(keyAt('h', 'based', 2)))!)
    })
    const { documents, sum } = await checked(data)
    expect(sum).toMatchObject({ documents: 3, damaged: 3 })
    expect(documents.notes.faults).toMatchObject([{ at: 'record', position: 3 }])
    expect(documents.other.faults).toMatchObject([{ at: 'head' }])
    expect(documents.based.faults).toMatchObject([{ at: 'history' }])
  })

  test('--deep finds what no checksum can: an update that Yjs cannot load', async () => {
    const data = emptyDirectory()
    const writing = new Writing()
    const { record } = writing.next('notes', 'a')
    await withLog(data, (log) => log.commit([{ document: 'notes', epoch: writing.epoch, record }]))
    const later = new Writing()
    later.next('gap', 'a')
    const { record: second } = later.next('gap', 'b') // refers to a client that the log does not know
    const { chainAfter } = await import('@syncline/protocol')
    const runs = second.runs
    await withLog(data, (log) =>
      log.commit([
        {
          document: 'notes',
          epoch: writing.epoch,
          record: { ...second, position: 2, chain: chainAfter(record.chain, runs) },
        },
      ]),
    )
    expect((await checked(data)).code).toBe(0)
    const { code, documents } = await checked(data, '--deep')
    expect([code, documents.notes.faults]).toMatchObject([1, [{ at: 'content' }]])
  })
})

describe('syncline repair', () => {
  test('changes nothing where nothing is damaged', async () => {
    const { data } = await written()
    const before = await withLog(data, (log) => log.list())
    expect(await syncline('repair', '--data', data)).toMatchObject({ code: 0, out: '0 documents repaired\n' })
    expect(await withLog(data, (log) => log.list())).toEqual(before)
  })

  test.each<[string, Buffer, Record<string, string>, RegExp]>([
    ['a record', keyAt('r', 'notes', 3), { notes: 'one two ' }, /"notes": kept up to record 2/],
    ['the first record', keyAt('r', 'notes', 1), { notes: '' }, /"notes": it begins anew; 6 values set aside/],
    ['a record that is in the base too', keyAt('r', 'based', 3), {}, /"based": kept up to record 6; 2 values/],
    ['the record after the base', keyAt('r', 'based', 5), { based: 'one two three four ' }, /kept up to record 4; 2/],
    ['the head of a document without a base', Buffer.from('dnotes'), {}, /"notes": kept up to record 6/],
    ['the head of one with a base', Buffer.from('dbased'), {}, /"based": kept up to record 6/],
    ['the base', keyAt('b', 'based', 4), { based: '' }, /"based": it begins anew; 5 values set aside/],
  ])('after damage to %s keeps what can be kept, and all the rest aside', async (_, key, lost, says) => {
    const { data } = await written()
    const before = await withRaw(data, (raw) => raw.values().all())
    await flip(data, key, 5)
    const damaged = await withRaw(data, (raw) => raw.values().all())
    const said = await syncline('repair', '--data', data)
    expect([said.code, said.err, said.out]).toEqual([0, '', expect.stringMatching(says)])
    expect(await texts(data)).toEqual({ based: whole, notes: whole, other: whole, ...lost })
    expect((await checked(data, '--deep')).code).toBe(0)
    const epochs = await withLog(data, async (log) => (await log.list()).map(({ epoch }) => epoch))
    expect(epochs.filter((epoch) => epoch === '00c0ffee00c0ffee')).toHaveLength(2)
    // nothing is gone but the damaged document's head, and what was written anew
    const after = new Set((await withRaw(data, (raw) => raw.values().all())).map((value) => value.toString('hex')))
    const flipped = damaged.find((value) => !before.some((other) => other.equals(value)))!
    expect(after.has(flipped.toString('hex'))).toBe(true)
    expect((await syncline('repair', '--data', data)).out).toBe('0 documents repaired\n')
  })

  test('builds a document anew from its history where the base is damaged', async () => {
    const { data } = await written({ keepHistory: true })
    await flip(data, keyAt('b', 'based', 4), 9)
    const said = await syncline('repair', '--data', data)
    expect(said.out).toMatch(/"based": kept up to record 6, without a base; 1 value set aside/)
    expect(await texts(data)).toEqual({ based: whole, notes: whole, other: whole })
    expect((await checked(data, '--deep')).code).toBe(0)
  })

  test('of a document that lost a record and its past goes on: it is compacted, deleted, created', async () => {
    const { data } = await written()
    await flip(data, keyAt('r', 'notes', 3), 9)
    await syncline('repair', '--data', data)
    await withLog(data, async (log) => {
      const { epoch, records } = (await log.read('notes'))!
      const { position, chain } = records.at(-1)!
      const point = { epoch, position, chain }
      const base = new Writing()
      base.next('notes', 'one two ')
      expect(await log.replaceBase('notes', { point, base: base.all('notes'), keepAfter: 9, keepHistory: false })).toBe(
        true,
      )
      expect(textOf(await log.read('notes'))).toBe('one two ')
      expect(await log.remove('notes', 1)).toBe(true)
      expect(await log.create('notes', 'aaaaaaaaaaaaaaaa')).toBe(true)
      // deleted with the rest: also what was set aside
      expect((await log.read('notes'))?.deletedEpochs).toEqual(['00c0ffee00c0ffee', epoch])
    })
    expect((await checked(data)).documents.notes).toMatchObject({ quarantined: 0, faults: [] })
  })

  test('writes a format that was damaged anew: every document was out of reach', async () => {
    const { data } = await written()
    await flip(data, Buffer.from('f'), 0)
    const refused = await syncline('check', '--data', data)
    expect([refused.code, refused.err]).toEqual([1, expect.stringMatching(/^syncline: document_damaged/)])
    expect((await syncline('repair', '--data', data)).code).toBe(0)
    expect(await texts(data)).toEqual({ based: whole, notes: whole, other: whole })
  })

  test('leaves alone what a newer version wrote', async () => {
    const { data } = await written()
    const { seal } = await import('@syncline/protocol')
    await withRaw(data, (raw) => raw.put(keyAt('r', 'notes', 3), Buffer.from(seal(new Uint8Array(20), 0xa, 2))))
    const said = await syncline('repair', '--data', data)
    expect([said.code, said.err]).toEqual([1, expect.stringMatching(/^syncline: unknown_format/)])
  })
})

describe('damage to the files of LevelDB', () => {
  const files = (data: string, pattern: RegExp) =>
    readdirSync(join(data, 'log'))
      .filter((name) => pattern.test(name))
      .map((name) => join(data, 'log', name))
  const flipAt = (file: string, at: number) => {
    const bytes = readFileSync(file)
    bytes[at]! ^= 1
    writeFileSync(file, bytes)
  }

  test('in the write-ahead file is told, and a copy is kept: LevelDB drops it without a word', async () => {
    const { data } = await written()
    const [file] = files(data, /\d\.log$/).filter((name) => readFileSync(name).length > 0)
    const bytes = readFileSync(file!)
    const at = bytes.indexOf(Buffer.from('rnotes\0\0\0\0\0\0\0\0\x03', 'latin1'))
    flipAt(file!, at + 30)
    const damaged = readFileSync(file!)
    const { code, sum } = await checked(data)
    expect(code).toBe(1)
    expect(sum.writeAhead).toEqual([{ file: file!.split('/').at(-1), offset: expect.any(Number), isEnd: false }])
    expect(readFileSync(sum.copies[0]).equals(damaged)).toBe(true)
    // what was dropped came last: each document is a beginning of what it was, and nothing tells more
    const found = await texts(data)
    for (const text of Object.values(found)) expect(text).toBe('one two ')
    expect((await checked(data)).code).toBe(0)
  })

  test('in a table is found: no read passes it off as what was written', async () => {
    const data = emptyDirectory()
    const writing = new Writing()
    await withLog(data, async (log) => {
      for (let i = 0; i < 300; i++) await log.commit(['a', 'b', 'c'].map((name) => writing.next(name, `${i} `)))
    })
    await withRaw(data, async (raw) => {
      const { compactRange } = raw as unknown as { compactRange(from: Buffer, to: Buffer): Promise<void> }
      await compactRange.call(raw, Buffer.from('a'), Buffer.from('z'))
    })
    const [table] = files(data, /\.ldb$/).filter((name) => readFileSync(name).length > 4_000)
    let at = Math.floor(readFileSync(table!).length / 2)
    flipAt(table!, at)
    // in compressed bytes, another one may stand for the same text: what says that nothing is wrong has to be right
    while ((await checked(data)).code === 0) {
      for (const [name, text] of Object.entries(await texts(data))) expect(text).toBe(writing.text(name))
      flipAt(table!, at)
      flipAt(table!, ++at)
    }
    const said = await syncline('repair', '--data', data)
    expect([said.code, said.err]).toEqual([0, ''])
    expect((await checked(data, '--deep')).code).toBe(0)
    const found = await texts(data)
    for (const [name, text] of Object.entries(found)) expect(writing.text(name).startsWith(text), name).toBe(true)
    expect(Object.values(found).filter((text) => text.length > 0).length).toBeGreaterThan(0)
  })

  test.each([/^MANIFEST/, /^CURRENT/])('%s: it is rebuilt from a copy, and no document is lost', async (pattern) => {
    const { data } = await written()
    const [file] = files(data, pattern)
    flipAt(file!, 9)
    expect((await syncline('check', '--data', data)).code).toBe(1)
    const said = await syncline('repair', '--data', data)
    expect([said.code, said.err, said.out]).toEqual([0, '', expect.stringContaining('rebuilt')])
    expect(await texts(data)).toEqual({ based: whole, notes: whole, other: whole })
    expect(readdirSync(data).some((name) => name.startsWith('log.damaged-'))).toBe(true)
  })
})

test('a bit flipped in each byte of a record: the relay refuses that document, and no other', async () => {
  const { data } = await written()
  const original = await withRaw(data, async (raw) => Buffer.from((await raw.get(keyAt('r', 'notes', 3)))!))
  console.info(`${original.length} bytes`)
  // the log itself, for each byte; the real process for one of them
  for (let byte = 0; byte < original.length; byte++) {
    await flip(data, keyAt('r', 'notes', 3), byte, byte % 8)
    expect(await texts(data), `byte ${byte}`).toEqual({ based: whole, notes: 'document_damaged', other: whole })
    await withRaw(data, (raw) => raw.put(keyAt('r', 'notes', 3), original, { sync: true }))
  }
  await flip(data, keyAt('r', 'notes', 3), Math.floor(original.length / 2))
  const relay = await startRelay({ dataDirectory: data })
  const [notes, other] = [joinNative(relay, 'notes'), joinNative(relay, 'other')]
  await expect(notes.synced).rejects.toMatchObject({ code: 'document_damaged' })
  await other.synced
  expect(other.text.toString()).toBe(whole)
  other.text.insert(other.text.length, 'and on')
  await until('it to be saved', () => other.handle.status.saved)
  expect((await fetch(`${relay.url}/healthz`)).status).toBe(200)
  await Promise.all([notes.leave(), other.leave()])
})
