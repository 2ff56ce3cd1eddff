/**
 * Figures of the HTTP interface, on a relay of its own.
 *
 *   node scripts/measure-http.mjs reads [seconds]            reads per second of a 300 KB article
 *   node scripts/measure-http.mjs push [readers] [seconds]   a ticker of 50 writes a second, and its readers
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'

const connections = 16
const articleBytes = 300_000
const binary = fileURLToPath(new URL('../packages/server/bin/syncline.js', import.meta.url))
const [what = 'reads', ...numbers] = process.argv.slice(2)
const data = mkdtempSync(join(tmpdir(), 'syncline-http-'))
// one address plays a million readers here
const limits = [
  'addressOpensBurst',
  'addressOpensPerSecond',
  'subjectMessagesBurst',
  'subjectMessagesPerSecond',
].flatMap((limit) => ['--limit', `${limit}=1000000`])
const flags = ['--port', '0', '--data', data, '--log-level', 'warn', ...limits]
const relay = spawn(process.execPath, [binary, 'serve', ...flags], {
  stdio: ['ignore', 'pipe', 'inherit'],
})
const base = await /** @type {Promise<string>} */ (
  new Promise((resolve, reject) => {
    createInterface({ input: relay.stdout }).on('line', (line) => resolve(JSON.parse(line).url))
    relay.once('exit', () => reject(new Error('the relay has ended')))
  })
)
const agent = new http.Agent({ keepAlive: true, maxSockets: 20_000 })

try {
  if (what === 'push') await measurePush(Number(numbers[0] ?? 1_000), Number(numbers[1] ?? 20))
  else await measureReads(Number(numbers[0] ?? 5))
} finally {
  relay.removeAllListeners('exit')
  relay.kill('SIGKILL')
  rmSync(data, { recursive: true, force: true })
}
process.exit(0)

/** @param {number} seconds */
async function measureReads(seconds) {
  const doc = new Y.Doc()
  const article = doc.getXmlFragment('default')
  const words = 'It was the best of times, it was the worst of times, it was the age of wisdom and of foolishness. '
  for (let bytes = 0; bytes < articleBytes; bytes += words.length * 5) {
    const paragraph = new Y.XmlElement('paragraph')
    paragraph.insert(0, [new Y.XmlText(words.repeat(5))])
    article.push([paragraph])
  }
  const headers = { 'Content-Type': 'application/octet-stream' }
  await send('PUT', '/documents/article', headers, Y.encodeStateAsUpdate(doc))
  for (const form of ['/html', '/text', '', '/update']) {
    const path = `/documents/article${form}`
    const { headers: first, body } = await send('GET', path, {})
    const whole = await load(seconds, () => send('GET', path, {}))
    const known = await load(seconds, () => send('GET', path, { 'If-None-Match': String(first.etag) }))
    console.log(`${(form || '/ (JSON)').padEnd(9)} ${body.length} bytes: ${whole} reads/s, ${known} with its ETag`)
  }
}

/** @param {number} seconds @param {() => Promise<unknown>} once @returns {Promise<number>} how many a second */
async function load(seconds, once) {
  const end = performance.now() + seconds * 1_000
  let count = 0
  const workers = Array.from({ length: connections }, async () => {
    while (performance.now() < end) {
      await once()
      count++
    }
  })
  await Promise.all(workers)
  return Math.round(count / seconds)
}

/** @param {number} readers @param {number} seconds */
async function measurePush(readers, seconds) {
  process.setMaxListeners(0) // y-websocket has one for each client
  await send(
    'PUT',
    '/documents/price?storing=plain',
    { 'Content-Type': 'application/json' },
    JSON.stringify({ prices: { abc: { bid: 0, at: 0 } } }),
  )
  let events = 0
  let people = 0
  /** @type {number[]} */
  const delays = []
  const streams = Array.from({ length: readers }, () =>
    follow((data) => {
      events++
      const change = data.patch?.find((/** @type {{ path: string }} */ { path }) => path === '/prices/abc/at')
      if (change) delays.push(Date.now() - change.value)
    }),
  )
  await Promise.all(streams)
  const providers = Array.from({ length: Math.min(100, readers) }, () => {
    const doc = new Y.Doc()
    doc.on('update', () => people++)
    const options = { WebSocketPolyfill: /** @type {never} */ (WebSocket), disableBc: true }
    return new WebsocketProvider(`${base.replace('http', 'ws')}/y`, 'price', doc, options)
  })
  await Promise.all(providers.map((provider) => new Promise((resolve) => provider.once('sync', resolve))))
  const cpuBefore = process.cpuUsage()
  events = 0
  people = 0
  const ticks = []
  const start = performance.now()
  for (let tick = 1; performance.now() - start < seconds * 1_000; tick++) {
    const patch = JSON.stringify({ prices: { abc: { bid: tick, at: Date.now() } } })
    ticks.push(send('PATCH', '/documents/price?window=200', { 'Content-Type': 'application/merge-patch+json' }, patch))
    await new Promise((resolve) => setTimeout(resolve, start + tick * 20 - performance.now()))
  }
  const answers = await Promise.all(ticks)
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  const { position } = JSON.parse(answers.at(-1).body.toString())
  const { body } = await send('GET', '/documents/price/update', {})
  delays.sort((a, b) => a - b)
  const at = (/** @type {number} */ share) => delays[Math.floor(share * (delays.length - 1))]
  console.log(`${ticks.length} ticks in ${seconds} s became ${position} commits`)
  console.log(`${readers} readers of events: ${(events / readers / seconds).toFixed(1)} events/s each`)
  console.log(
    `${providers.length} y-websocket clients: ${(people / providers.length / seconds).toFixed(1)} updates/s each`,
  )
  console.log(`from the tick in the event to its reader: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`)
  const { user } = process.cpuUsage(cpuBefore)
  console.log(
    `the document has ${body.length} bytes; the readers' process used ${Math.round(user / 1e4 / seconds)} % of a core`,
  )
}

/** @param {(data: any) => void} heard */
function follow(heard) {
  return new Promise((resolve, reject) => {
    const url = `${base}/api/v1/documents/price/events?mode=patch&interval=500`
    http
      .get(url, { agent }, (response) => {
        resolve(undefined)
        response.setEncoding('utf8')
        response.on('data', (text) => {
          for (const [, json] of text.matchAll(/^data: (.*)$/gm)) heard(JSON.parse(json))
        })
      })
      .on('error', reject)
  })
}

/**
 * @param {string} method @param {string} path @param {Record<string, string>} headers @param {string | Uint8Array} [body]
 * @returns {Promise<any>}
 */
function send(method, path, headers, body) {
  return new Promise((resolve, reject) => {
    const request = http.request(`${base}/api/v1${path}`, { method, headers, agent }, (response) => {
      /** @type {Buffer[]} */
      const chunks = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('end', () => {
        const answer = { status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) }
        if ((answer.status ?? 500) < 400) resolve(answer)
        else reject(new Error(`${method} ${path}: ${answer.body}`))
      })
    })
    request.on('error', reject)
    request.end(body)
  })
}
