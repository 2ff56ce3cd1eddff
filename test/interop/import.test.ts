import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { Level } from 'level'
import { describe, expect, onTestFinished, test } from 'vitest'
import * as Y from 'yjs'
import { updatesOf } from '../../packages/server/src/import/addition.js'
import { openHocuspocusSqlite } from '../../packages/server/src/import/hocuspocusSqlite.js'
import { openLevelLog } from '../../packages/server/src/log/index.js'
import { emptyDirectory, killedWhen, syncline } from '../cli/syncline.js'
import { joinYWebsocket } from '../support/clients.js'
import { startRelay } from '../support/relay.js'
import { writeYLeveldb } from '../support/yLeveldb.js'

const databases = fileURLToPath(new URL('../fixtures/import/databases', import.meta.url))

/** What the packages themselves made of their documents. */
interface Expected {
  readonly name: string
  readonly state: string
  readonly text: unknown
  readonly meta: unknown
  readonly page: unknown
}

function expectedOf(database: string): Expected[] {
  return JSON.parse(readFileSync(join(databases, `${database}.json`), 'utf8'))
}

/** A copy of a database: LevelDB writes into what it opens. */
function copyOf(database: string): string {
  const copy = join(emptyDirectory(), database)
  cpSync(join(databases, database), copy, { recursive: true })
  for (const suffix of ['-wal', '-journal']) {
    if (existsSync(join(databases, database + suffix))) cpSync(join(databases, database + suffix), copy + suffix)
  }
  return copy
}

/** Everything in a data directory, as whoever opens it sees it. */
async function documentsIn(data: string): Promise<Map<string, Y.Doc>> {
  const log = await openLevelLog(data)
  try {
    const documents = new Map<string, Y.Doc>()
    for (const { name } of await log.list({ limit: 10_000 })) {
      const doc = new Y.Doc()
      for (const update of updatesOf((await log.read(name))!)) Y.applyUpdate(doc, update)
      expect(doc.store.pendingStructs ?? doc.store.pendingDs).toBe(null)
      documents.set(name, doc)
    }
    return documents
  } finally {
    await log.close()
  }
}

function expectSame(doc: Y.Doc | undefined, { state, text, meta, page }: Expected): void {
  const original = new Y.Doc()
  Y.applyUpdate(original, Buffer.from(state, 'hex'))
  expect(doc && Y.encodeStateVector(doc)).toEqual(Y.encodeStateVector(original))
  const seen = {
    text: doc!.getText('text').toDelta(),
    meta: JSON.parse(JSON.stringify(doc!.getMap('meta'))),
    page: doc!.getXmlFragment('page').toString(),
  }
  expect(seen).toEqual({ text, meta, page })
}

/** What was said about each document, by its name there. */
function problemsIn(err: string): Map<string, string> {
  const lines = err.split('\n').map((line) => /^syncline: "(.+?)": (\w+): /.exec(line))
  return new Map(lines.flatMap((match) => (match ? [[match[1]!, match[2]!]] : [])))
}

function pathOf(data: string): string {
  return join(data, 'documents')
}

describe.each(['y-leveldb-0.1.2', 'y-leveldb-0.2.0'])('a database of %s', (database) => {
  test('is there as the package sees it, once, and what is wrong in it is told', async () => {
    const data = pathOf(emptyDirectory())
    const source = copyOf(database)
    const run = () => syncline(['import', 'y-leveldb', source, '--data', data, '--json'])
    const first = await run()
    expect(first.code).toBe(1)
    expect(problemsIn(first.err)).toEqual(
      new Map([
        ['gap', 'incomplete_update'],
        ['%70lan', 'document_exists'],
        ['poison', 'malformed_update'],
        ['garbage', 'malformed_update'],
        ['tab%09name', 'invalid_name'],
      ]),
    )
    expect(JSON.parse(first.out.toString())).toMatchObject({
      ...{ documents: 14, added: 9, empty: 1, failed: 4, incomplete: 1, withMetadata: 1 },
    })
    const documents = await documentsIn(data)
    const good = expectedOf(database).filter(({ name }) => !['empty', '%70lan', 'tab%09name'].includes(name))
    for (const expected of good) expectSame(documents.get(decoded(expected.name)), expected)
    expect(documents.get('gap')?.getText('text').toString()).toBe('a')
    expect([...documents.keys()].sort()).toEqual([...good.map(({ name }) => decoded(name)), 'gap'].sort())

    const second = await run()
    expect(JSON.parse(second.out.toString())).toMatchObject({ added: 0, merged: 0, unchanged: 9, bytes: 0 })
    expect(problemsIn(second.err)).toEqual(problemsIn(first.err))
  })

  test('can keep its names', async () => {
    const data = pathOf(emptyDirectory())
    const { err } = await syncline(['import', 'y-leveldb', copyOf(database), '--names', 'plain', '--data', data])
    expect([...problemsIn(err).keys()]).toEqual(['gap', 'poison', 'garbage'])
    const documents = await documentsIn(data)
    for (const expected of expectedOf(database)) {
      if (expected.name !== 'empty') expectSame(documents.get(expected.name), expected)
    }
  })

  test('is what an unmodified client finds at the same address', async () => {
    const data = pathOf(emptyDirectory())
    await syncline(['import', 'y-leveldb', copyOf(database), '--data', data])
    const relay = await startRelay({ dataDirectory: data })
    onTestFinished(() => relay.stop())
    for (const [room, text] of [
      ['my room', 'a room with a space'],
      ['Zoë/💚', 'beyond ASCII'],
    ] as const) {
      const person = joinYWebsocket(relay, room)
      await person.synced
      expect(person.doc.getText('text').toString()).toBe(text)
      await person.leave()
    }
  })
})

function decoded(name: string): string {
  return name === '100%' ? name : decodeURIComponent(name)
}

describe('a database of Hocuspocus', () => {
  test('is there as Hocuspocus sees it, once, and what is wrong in it is told', async () => {
    const data = pathOf(emptyDirectory())
    const source = copyOf('hocuspocus-4.7.0.sqlite')
    const run = () => syncline(['import', 'hocuspocus-sqlite', source, '--data', data, '--json'])
    const first = await run()
    expect(first.code).toBe(1)
    const problems = { pending: 'incomplete_update', poison: 'malformed_update', 'tab\\tname': 'invalid_name' }
    expect(problemsIn(first.err)).toEqual(new Map(Object.entries(problems)))
    const documents = await documentsIn(data)
    for (const expected of expectedOf('hocuspocus-4.7.0.sqlite')) {
      if (!['empty', 'tab\tname'].includes(expected.name)) expectSame(documents.get(expected.name), expected)
    }
    expect(documents.get('pending')?.getText('text').toString()).toBe('a')
    expect([...documents.keys()].sort()).toEqual(['__proto__', 'board', 'my%20room', 'notes', 'pending'])
    expect(JSON.parse((await run()).out.toString())).toMatchObject({ unchanged: 5, added: 0, bytes: 0 })
  })

  test.each(['hocuspocus-wal.sqlite', 'hocuspocus-journal.sqlite'])(
    'that a crash left is read with what lies beside it, and stays as it is: %s',
    async (database) => {
      const data = pathOf(emptyDirectory())
      const source = copyOf(database)
      const beside = readdirSync(join(source, '..')).map((name) => join(source, '..', name))
      const before = beside.map((path) => readFileSync(path))
      mkdirSync(join(data, 'import.tmp-killed'), { recursive: true })
      const { code, err } = await syncline(['import', 'hocuspocus-sqlite', source, '--data', data])
      expect([code, err]).toEqual([0, ''])
      const documents = await documentsIn(data)
      expect([...documents.keys()].sort()).toEqual(['board', 'notes'])
      const all = expectedOf('hocuspocus-4.7.0.sqlite')
      for (const name of documents.keys()) expectSame(documents.get(name), all.find((one) => one.name === name)!)
      expect(readdirSync(data)).toEqual(['log'])
      expect(readdirSync(join(source, '..')).map((name) => join(source, '..', name))).toEqual(beside)
      expect(beside.map((path) => readFileSync(path))).toEqual(before)
    },
  )

  test('that somebody writes into is not trusted', async () => {
    const file = copyOf('hocuspocus-4.7.0.sqlite')
    const source = await openHocuspocusSqlite(file)
    try {
      for await (const { name } of source.documents(emptyDirectory())) expect(name).not.toBe('')
      await source.assertWhole()
      writeFileSync(`${file}-wal`, 'something new')
      await expect(source.assertWhole()).rejects.toMatchObject({ code: 'unreadable_source' })
    } finally {
      await source.close()
    }
  })
})

describe('an import', () => {
  test('merges into a document that is there', async () => {
    const data = pathOf(emptyDirectory())
    const doc = new Y.Doc()
    doc.getText('text').insert(0, 'ours')
    await syncline(['doc', 'import', 'plan', '--data', data], Y.encodeStateAsUpdate(doc))
    const { out } = await syncline(['import', 'y-leveldb', copyOf('y-leveldb-0.2.0'), '--data', data, '--json'])
    expect(JSON.parse(out.toString())).toMatchObject({ added: 8, merged: 1 })
    const text = (await documentsIn(data)).get('plan')!.getText('text').toString()
    expect(['oursone', 'oneours']).toContain(text)
  })

  test('that is killed goes on when it is run again, and doubles nothing', async () => {
    const data = pathOf(emptyDirectory())
    const source = join(emptyDirectory(), 'source')
    const names = Array.from({ length: 1_000 }, (_, i) => `document ${i}`)
    await writeYLeveldb(source, names)
    const args = ['import', 'y-leveldb', source, '--data', data, '--names', 'plain', '--json']
    // a commit is there: the first of four
    const killed = await killedWhen(() => logBytes(data) > 1_000, args)
    expect([killed.code, killed.out.length]).toEqual([null, 0])
    const before = await documentsIn(data)
    expect(before.size).toBeGreaterThan(0)
    expect(before.size).toBeLessThan(names.length)

    const { code, out, err } = await syncline(args)
    expect([code, err.replace(/^syncline: .* so far, .*\n/gm, '')]).toEqual([0, ''])
    expect(JSON.parse(out.toString())).toMatchObject({ added: names.length - before.size, unchanged: before.size })
    const after = await documentsIn(data)
    expect(after.size).toBe(names.length)
    for (const name of names) expect(after.get(name)?.getText('text').toString()).toBe(`This is ${name}`)
  })

  test('has the directory and the source for itself', async () => {
    const source = copyOf('y-leveldb-0.2.0')
    const database = new Level(source)
    await database.open()
    onTestFinished(() => database.close())
    const data = pathOf(emptyDirectory())
    const locked = await syncline(['import', 'y-leveldb', source, '--data', data])
    expect([locked.code, locked.err]).toEqual([1, expect.stringMatching(/^syncline: data_in_use: .*y-leveldb-0\.2\.0/)])
    expect(existsSync(data)).toBe(false)

    const relay = await startRelay()
    onTestFinished(() => relay.stop())
    for (const [from, path] of [
      ['y-leveldb', copyOf('y-leveldb-0.2.0')],
      ['hocuspocus-sqlite', copyOf('hocuspocus-4.7.0.sqlite')],
    ] as const) {
      const { code, err } = await syncline(['import', from, path, '--data', relay.dataDirectory])
      expect([code, err]).toEqual([1, expect.stringMatching(/^syncline: data_in_use: /)])
    }
  })

  test('refuses what is no such database, and makes no directory for it', async () => {
    const directory = emptyDirectory()
    writeFileSync(join(directory, 'text'), 'some text that is longer than sixteen bytes')
    mkdirSync(join(directory, 'empty'))
    const other = new Level(join(directory, 'other'))
    await other.put('key', 'value')
    await other.close()
    const data = pathOf(emptyDirectory())
    for (const [from, name, reason] of [
      ['y-leveldb', 'nowhere', /is no LevelDB database/],
      ['y-leveldb', 'empty', /is no LevelDB database/],
      ['y-leveldb', 'other', /not one of y-leveldb/],
      ['hocuspocus-sqlite', 'nowhere', /cannot be read/],
      ['hocuspocus-sqlite', 'empty', /cannot be read/],
      ['hocuspocus-sqlite', 'text', /is no SQLite database/],
    ] as const) {
      const { code, err } = await syncline(['import', from, join(directory, name), '--data', data])
      expect([code, err]).toEqual([1, expect.stringMatching(/^syncline: unreadable_source: /)])
      expect(err).toMatch(reason)
      expect(existsSync(data)).toBe(false)
    }
    expect(readdirSync(join(directory, 'empty'))).toEqual([])
  })

  test('of a damaged database takes what can be read, and says that there is more', async () => {
    const source = copyOf('y-leveldb-0.2.0')
    const table = join(source, readdirSync(source).find((name) => name.endsWith('.ldb'))!)
    overwrite(table, 200, 300)
    const data = pathOf(emptyDirectory())
    const { code, out, err } = await syncline(['import', 'y-leveldb', source, '--data', data, '--json'])
    expect([code, err]).toEqual([1, expect.stringMatching(/^syncline: unreadable_source: LevelDB cannot read it/m)])
    const documents = await documentsIn(data)
    expect(documents.size).toBe(JSON.parse(out.toString()).added)
    const all = expectedOf('y-leveldb-0.2.0')
    for (const name of ['notes', 'board', 'plan'])
      expectSame(documents.get(name), all.find((one) => one.name === name)!)
  })

  test('says where LevelDB drops what has changed on the disk, for LevelDB does not', async () => {
    const source = copyOf('y-leveldb-0.2.0')
    const file = readdirSync(source).find((name) => name.endsWith('.log'))!
    overwrite(join(source, file), 100, 110)
    const { code, err } = await syncline(['import', 'y-leveldb', source, '--data', pathOf(emptyDirectory())])
    expect([code, err]).toEqual([1, expect.stringContaining(`${file} at byte`)])
  })

  test('of half a SQLite database says so', async () => {
    const file = copyOf('hocuspocus-4.7.0.sqlite')
    truncateSync(file, statSync(file).size - 4_096)
    const { code, err } = await syncline(['import', 'hocuspocus-sqlite', file, '--data', pathOf(emptyDirectory())])
    expect([code, err]).toEqual([1, expect.stringMatching(/unreadable_source: .*malformed/)])
  })

  test('says how it is used', async () => {
    const { code, out } = await syncline(['import', '--help'])
    expect([code, out.toString()]).toEqual([0, expect.stringContaining('hocuspocus-sqlite')])
    const help = await syncline(['import', 'y-leveldb', '--help'])
    expect([help.code, help.out.toString()]).toEqual([0, expect.stringContaining('--names')])
  })
})

function overwrite(file: string, from: number, to: number): void {
  const bytes = readFileSync(file)
  bytes.fill(0xff, from, to)
  writeFileSync(file, bytes)
}

/** Bytes that LevelDB has written to a log. */
function logBytes(data: string): number {
  const directory = join(data, 'log')
  if (!existsSync(directory)) return 0
  const files = readdirSync(directory).filter((name) => name.endsWith('.log'))
  return files.reduce((sum, name) => sum + (statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0), 0)
}
