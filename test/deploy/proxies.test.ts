import { writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { connect } from '@syncline/client'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { type RelayProcess, startRelay } from '../support/relay.js'
import { readText, root } from '../support/tree.js'
import { until, within } from '../support/until.js'
import { emptyDirectory, freePort, hasProgram, running } from './support.js'

const visitor = '127.0.0.9'
const certificate = join(root, 'test/fixtures/tls/certificate.pem')
const key = join(root, 'test/fixtures/tls/key.pem')

/** Starts a proxy with the snippet of this repository, changed as little as a test has to. @returns its port */
type StartProxy = (relay: RelayProcess) => Promise<number>

function replaced(text: string, changes: Readonly<Record<string, string>>): string {
  return Object.entries(changes).reduce((rest, [from, to]) => {
    if (!rest.includes(from)) throw new Error(`the snippet has no ${from}`)
    return rest.replaceAll(from, to)
  }, text)
}

const startNginx: StartProxy = async (relay) => {
  const [port, directory] = [await freePort(), emptyDirectory()]
  const server = replaced(readText('deploy/nginx/syncline.conf'), {
    'listen 443 ssl': `listen 127.0.0.1:${port} ssl`,
    '/etc/ssl/sync.example.com.pem': certificate,
    '/etc/ssl/sync.example.com.key': key,
    '/var/log/nginx/syncline.log': join(directory, 'access.log'),
    'http://127.0.0.1:4321': relay.url,
  })
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${join(directory, kind)};`)
    .join(' ')
  const file = join(directory, 'nginx.conf')
  writeFileSync(
    file,
    `pid ${join(directory, 'pid')}; error_log stderr; daemon off; master_process off;\n` +
      `events {} http { ${temporary}\n${server}\n}\n`,
  )
  const said = running('nginx', ['-e', 'stderr', '-c', file])
  await until('nginx to listen', () => listens(port), { seen: said })
  return port
}

const startCaddy: StartProxy = async (relay) => {
  const [port, directory] = [await freePort(), emptyDirectory()]
  const site = replaced(readText('deploy/caddy/Caddyfile'), {
    'sync.example.com {': `https://localhost:${port} {\n\ttls ${certificate} ${key}\n\tbind 127.0.0.1`,
    '127.0.0.1:4321': new URL(relay.url).host,
  })
  const file = join(directory, 'Caddyfile')
  writeFileSync(file, `{\n\tadmin off\n\tauto_https off\n}\n${site}`)
  const said = running('caddy', ['run', '--config', file, '--adapter', 'caddyfile'], {
    ...process.env,
    XDG_DATA_HOME: directory,
    XDG_CONFIG_HOME: directory,
  })
  await until('Caddy to listen', () => listens(port), { seen: said })
  return port
}

function asked(port: number, path: string, body?: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', servername: 'localhost', port, path, rejectUnauthorized: false }
    const asking = request({ ...options, method: body === undefined ? 'GET' : 'PUT' }, (response) => {
      let text = ''
      response.on('data', (bytes) => {
        text += bytes
      })
      response.on('end', () => resolve({ status: response.statusCode!, text }))
    })
    asking.setHeader('Host', `localhost:${port}`)
    asking.setHeader('Content-Type', 'application/json')
    asking.on('error', reject)
    asking.end(body)
  })
}

const listens = (port: number) =>
  asked(port, '/livez').then(
    () => true,
    () => false,
  )

/** A WebSocket of somebody with an address of their own, who says that they have another one. */
class VisitingSocket extends WebSocket {
  constructor(url: string, protocols?: string | string[]) {
    const headers = { 'X-Forwarded-For': '203.0.113.1' }
    super(url, protocols, { rejectUnauthorized: false, localAddress: visitor, headers })
  }
}

const proxies: readonly (readonly [name: string, isThere: boolean, start: StartProxy])[] = [
  ['nginx', hasProgram('nginx', '-v'), startNginx],
  ['caddy', hasProgram('caddy', 'version'), startCaddy],
]

describe.each(proxies)('behind %s, as deploy/ has it', (_name, isThere, start) => {
  test.runIf(isThere)('people edit together, events come at once, and the relay knows who visits', async () => {
    const relay = await startRelay({ args: ['--trust-proxy', '1', '--log-level', 'info'] })
    onTestFinished(() => relay.stop())
    const port = await start(relay)

    const webSocket = (url: string, protocols: string | string[]) => new VisitingSocket(url, protocols)
    const people = [1, 2].map(() => connect(`https://localhost:${port}`, { webSocket: webSocket as never }))
    onTestFinished(() => Promise.all(people.map((each) => each.close())).then(() => {}))
    const [ada, ben] = people.map((each) => each.open('notes'))
    await within('both to be there', Promise.all([ada!.synced, ben!.synced]))
    ada!.doc.getText().insert(0, 'through the proxy')
    await until('Ben to have it', () => ben!.doc.getText().toString() === 'through the proxy')

    const events = request({
      ...{ host: '127.0.0.1', servername: 'localhost', port, rejectUnauthorized: false },
      path: '/api/v1/documents/notes/events',
      headers: { Host: `localhost:${port}` },
    })
    onTestFinished(() => void events.destroy())
    let told = ''
    events.on('error', () => {})
    events.on('response', (response) => response.on('data', (bytes) => (told += bytes)))
    events.end()
    await until('the first event', () => told.includes('event: changed'), { seen: () => told })

    // a document of some MB over HTTP: more than proxies take by themselves
    const large = JSON.stringify({ text: 'x'.repeat(900_000) })
    expect((await asked(port, '/api/v1/documents/large', large)).status).toBe(201)

    await Promise.all(people.map((each) => each.close()))
    const lines = () => relay.complaints.split('\n').filter((line) => line.includes('connection_ended'))
    await until('both to have ended', () => lines().length === 2, { seen: () => relay.complaints })
    expect(lines().map((line) => JSON.parse(line).address)).toEqual([visitor, visitor])
  })
})
