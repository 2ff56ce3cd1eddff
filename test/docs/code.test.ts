import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { LeveldbPersistence } from 'y-leveldb'
import * as Y from 'yjs'
import { openHocuspocusSqlite } from '../../packages/server/src/import/hocuspocusSqlite.js'
import { syncline } from '../cli/syncline.js'
import { type RelayProcess, startRelay } from '../support/relay.js'
import { filesMatching, readText, root } from '../support/tree.js'
import { within } from '../support/until.js'

/** Where the packages of this repository are found, and nothing is committed. */
const scratch = join(root, 'node_modules', '.syncline')
const databases = join(root, 'test/fixtures/import/databases')
// a browser's globals, which Node 20 lacks
const browserGlobals =
  "import 'fake-indexeddb/auto'\nimport { WebSocket } from 'ws'\nglobalThis.WebSocket = WebSocket\n"

/** The code of a page: the file that each block is named after, and its text. */
function codeOf(page: string): Map<string, string> {
  const blocks = readText(page).matchAll(/^```js (\S+\.mjs)\n([\s\S]*?)^```/gm)
  return new Map([...blocks].map(([, name, code]) => [name!, code!]))
}

/** A folder with the code of a page in it, whose addresses are those of this relay. */
function unpack(page: string, relay: RelayProcess, ports: Readonly<Record<string, string>> = {}) {
  mkdirSync(scratch, { recursive: true })
  const folder = mkdtempSync(join(scratch, 'migrating-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'browser-globals.mjs'), browserGlobals)
  for (const [name, code] of codeOf(page)) {
    let text = code.replaceAll('127.0.0.1:4321', `127.0.0.1:${relay.port}`)
    for (const [from, to] of Object.entries(ports)) text = text.replaceAll(from, to)
    writeFileSync(join(folder, name), text)
  }
  return folder
}

/** Runs files one after another in one process, as a page would; returns what they print. */
async function run(folder: string, ...names: readonly string[]): Promise<string[]> {
  const program = ['browser-globals.mjs', ...names].map((name) => `await import('./${name}')`).join('\n')
  writeFileSync(join(folder, 'run.mjs'), program)
  const child = spawn(process.execPath, ['run.mjs'], { cwd: folder, env: { PATH: process.env.PATH } })
  onTestFinished(() => void child.kill('SIGKILL'))
  let out = ''
  let err = ''
  child.stdout.on('data', (bytes) => {
    out += bytes
  })
  child.stderr.on('data', (bytes) => {
    err += bytes
  })
  const [code] = await within(`${names.join(' and ')} to end`, once(child, 'close'), 60_000)
  expect([code, err]).toEqual([0, ''])
  return out.split('\n').filter((line) => line !== '')
}

/** Runs the line of a page that imports its documents, on these. */
async function importBy(page: string, line: string, source: string, data: string): Promise<void> {
  expect(readText(page)).toContain(`npx ${line}`)
  const args = line.split(' ').slice(1)
  const [from, to] = [args.findIndex((arg) => arg.startsWith('./')), args.indexOf('./data')]
  await syncline(args.map((arg, index) => (index === to ? data : index === from ? source : arg)))
}

async function startedOn(page: string, line: string, database: string): Promise<RelayProcess> {
  mkdirSync(scratch, { recursive: true })
  const directory = mkdtempSync(join(scratch, 'migrated-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const source = join(directory, 'old')
  cpSync(join(databases, database), source, { recursive: true })
  const data = join(directory, 'data')
  await importBy(page, line, source, data)
  return started({ dataDirectory: data })
}

async function started(options: Parameters<typeof startRelay>[0] = {}): Promise<RelayProcess> {
  const relay = await startRelay(options)
  onTestFinished(() => relay.stop())
  return relay
}

/** The documents of a relay, by name, without the empty ones. */
async function documentsOf(relay: RelayProcess): Promise<Map<string, Y.Doc>> {
  const api = `${relay.url}/api/v1/documents`
  const { documents } = (await (await fetch(`${api}?limit=100`)).json()) as { documents: { name: string }[] }
  const found = new Map<string, Y.Doc>()
  for (const { name } of documents) {
    const update = await (await fetch(`${api}/${encodeURIComponent(name)}/update`)).arrayBuffer()
    found.set(name, docOf([new Uint8Array(update)]))
  }
  return found
}

function docOf(updates: readonly Uint8Array[]): Y.Doc {
  const doc = new Y.Doc()
  for (const update of updates) Y.applyUpdate(doc, update)
  return doc
}

function expectEqual(one: Y.Doc | undefined, other: Y.Doc): void {
  expect(one && Y.encodeStateAsUpdate(one)).toEqual(Y.encodeStateAsUpdate(other))
}

describe('the way from', { timeout: 90_000 }, () => {
  test('y-websocket: import, the old client, the new one, and back into y-leveldb', async () => {
    const page = 'docs/migrating/y-websocket.md'
    const line = 'syncline import y-leveldb ./dbDir --data ./data'
    const relay = await startedOn(page, line, 'y-leveldb-0.2.0')
    const folder = unpack(page, relay)
    expect(await run(folder, 'client.mjs', 'native.mjs')).toEqual(['a room with a space', 'a room with a space'])
    await run(folder, 'back.mjs')
    const back = new LeveldbPersistence(join(folder, 'dbDir-back'))
    try {
      expect((await back.getYDoc('my%20room')).getText('text').toString()).toBe('a room with a space')
      const documents = await documentsOf(relay)
      expect(documents.size).toBeGreaterThan(8)
      expect(await back.getAllDocNames()).toHaveLength(documents.size)
      for (const [name, doc] of documents) {
        expectEqual(await back.getYDoc(new URL(name, 'ws://any/').pathname.slice(1)), doc)
      }
    } finally {
      await back.destroy()
    }
  })

  test('Hocuspocus: import, the old client, and back into SQLite', async () => {
    const page = 'docs/migrating/hocuspocus.md'
    const line = 'syncline import hocuspocus-sqlite ./db.sqlite --data ./data'
    const relay = await startedOn(page, line, 'hocuspocus-4.7.0.sqlite')
    const folder = unpack(page, relay)
    const [text] = await run(folder, 'client.mjs')
    expect(text).toBe((await documentsOf(relay)).get('notes')!.getText('text').toString())
    expect(text).not.toBe('')
    await run(folder, 'back.mjs')
    const back = await openHocuspocusSqlite(join(folder, 'db-back.sqlite'))
    try {
      const documents = await documentsOf(relay)
      let count = 0
      for await (const document of back.documents(folder)) {
        expectEqual(documents.get(document.name), docOf((await document.read()).updates))
        count++
      }
      expect(count).toBe(documents.size)
    } finally {
      await back.close()
    }
  })

  test('y-sweet: its document API, the new client, and back', async () => {
    const stand = new StandIn()
    stand.documents.set('plan', written('the plan'))
    stand.documents.set('letter', written('a letter'))
    const sweet = await stand.listen()
    const relay = await started()
    const folder = unpack('docs/migrating/y-sweet.md', relay, { 'http://127.0.0.1:8080': sweet })
    expect(await run(folder, 'import.mjs', 'client.mjs')).toEqual(['plan 201', 'letter 201', 'the plan'])
    expect(await run(folder, 'import.mjs')).toEqual(['plan 200', 'letter 200'])
    const brought = [...stand.documents]
    stand.documents.clear()
    await run(folder, 'back.mjs')
    for (const [id, update] of brought) expectEqual(docOf([stand.documents.get(id)!]), docOf([update]))
  })

  test('y-indexeddb: its database is adopted, and opened by it again', async () => {
    const relay = await started()
    const folder = unpack('docs/migrating/y-indexeddb.md', relay)
    const text = 'typed before the move'
    expect(await run(folder, 'before.mjs', 'after.mjs', 'back.mjs')).toEqual([text, text])
    expect((await documentsOf(relay)).get('notes')!.getText('text').toString()).toBe(text)
  })
})

test.each([
  ['docs/subdocuments.md', ['Hello']],
  ['docs/undo-and-positions.md', ['from elsewhere: ']],
])('the code of %s runs, one part after the other', async (page, printed) => {
  const relay = await started()
  const folder = unpack(page, relay)
  const parts = [...readText(page).matchAll(/^```js\n([\s\S]*?)^```/gm)].map(([, code]) => code)
  const code = [...parts, 'await connection.close()'].join('\n')
  writeFileSync(join(folder, 'all.mjs'), code.replaceAll('127.0.0.1:4321', `127.0.0.1:${relay.port}`))
  expect(await run(folder, 'all.mjs')).toEqual(printed)
})

test('no page has code that nobody runs', () => {
  const source = readFileSync(import.meta.filename, 'utf8')
  const pages = filesMatching(/^docs\/migrating\/.*\.md$/)
  expect(pages.length).toBeGreaterThan(4)
  for (const page of pages) {
    expect(readText(page)).not.toMatch(/^```(js|ts)\n/m)
    for (const name of codeOf(page).keys()) expect(source, `${page}: ${name}`).toContain(`'${name}'`)
  }
})

function written(text: string): Uint8Array {
  const doc = new Y.Doc()
  doc.getText('text').insert(0, text)
  return Y.encodeStateAsUpdate(doc)
}

/** What y-sweet's document API does, as its source says. */
class StandIn {
  readonly documents = new Map<string, Uint8Array>()

  /** @returns its address; it ends with the test */
  async listen(): Promise<string> {
    const server = createServer(async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk)
      this.#answer(request, Buffer.concat(chunks), response)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => {
      server.closeAllConnections()
      server.close()
    })
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  #answer({ method, url = '', headers }: IncomingMessage, body: Buffer, response: ServerResponse): unknown {
    const [, place, id = '', what] = url.split('/')
    const json = (value: unknown) => response.writeHead(200).end(JSON.stringify(value))
    if (method === 'POST' && url === '/doc/new') {
      const { docId } = JSON.parse(body.toString())
      this.documents.set(docId, Uint8Array.of(0, 0))
      return json({ docId })
    }
    const known = this.documents.get(id)
    if (known === undefined) return response.writeHead(404).end()
    if (method === 'POST' && place === 'doc' && what === 'auth') {
      return json({ url: '', baseUrl: `http://${headers.host}/d/${id}`, docId: id, token: 'of this document' })
    }
    if (place !== 'd' || headers.authorization !== 'Bearer of this document') return response.writeHead(401).end()
    if (method === 'GET' && what === 'as-update') return response.writeHead(200).end(known)
    if (method === 'POST' && what === 'update') {
      this.documents.set(id, Y.mergeUpdates([known, body]))
      return response.writeHead(200).end()
    }
    return response.writeHead(404).end()
  }
}
