import { connect as connectTcp } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { syncline } from '../cli/syncline.js'
import { NativeClient } from '../relay/support.js'
import { type RelayProcessOptions, startRelay } from '../support/relay.js'
import { until, within } from '../support/until.js'

async function start(options: RelayProcessOptions) {
  const relay = await startRelay(options)
  onTestFinished(() => relay.stop())
  return relay
}

/** The status of an upgrade, and when to come back. */
function upgrade(
  url: string,
  headers: Record<string, string> = {},
): Promise<{ readonly status: number; readonly retryAfter: string | undefined }> {
  const socket = new WebSocket(url, { headers })
  onTestFinished(() => socket.terminate())
  const answer = new Promise<{ status: number; retryAfter: string | undefined }>((resolve) => {
    socket.on('open', () => resolve({ status: 101, retryAfter: undefined }))
    socket.on('error', () => {})
    socket.on('unexpected-response', (_request, { statusCode, headers }) =>
      resolve({ status: statusCode!, retryAfter: headers['retry-after'] }),
    )
  })
  return within('an answer', answer)
}

test.each([
  ['flags', { args: ['--limit', 'addressConnectionsMax=2', '--limit', 'documentSessionsMax=1'] }],
  ['the environment', { env: { SYNCLINE_LIMIT: 'addressConnectionsMax=2,documentSessionsMax=1' } }],
])('limits are set by %s, and `syncline status` tells what was refused', async (_, options) => {
  const relay = await start(options)
  const client = await NativeClient.connect(relay.webSocketUrl)
  await client.open(1, 'notes')
  client.ask(2, { type: 'open', name: 'notes', resume: null, stateVector: Uint8Array.of(0) })
  expect(await client.hears(2, 'refused')).toMatchObject({ code: 'too_many_sessions' })
  expect((await upgrade(`${relay.webSocketUrl}/hocuspocus`)).status).toBe(101)
  expect(await upgrade(`${relay.webSocketUrl}/y/notes`)).toEqual({ status: 429, retryAfter: '30' })
  const status = await syncline(['status', '--data', relay.dataDirectory])
  expect(JSON.parse(status.out.toString())).toMatchObject({
    connections: 2,
    refused: 2,
    rateLimited: 2,
    authFailures: 0,
    refusedByCode: { too_many_sessions: 1, too_many_connections: 1 },
  })
})

test('proxies are trusted by a flag', async () => {
  const relay = await start({ args: ['--trust-proxy', '1', '--limit', 'addressConnectionsMax=1'] })
  const statuses: number[] = []
  for (const address of ['192.0.2.1', '192.0.2.2', '9.9.9.9, 192.0.2.1']) {
    const { status } = await upgrade(`${relay.webSocketUrl}/hocuspocus`, { 'X-Forwarded-For': address })
    statuses.push(status)
  }
  expect(statuses).toEqual([101, 101, 429])
})

test('a limit that there is none of ends it, and is named', async () => {
  const { code, err } = await syncline(['serve', '--port', '0', '--limit', 'sessions=2'])
  expect([code, err]).toEqual([2, expect.stringMatching(/^syncline: invalid_option: --limit: .*"sessions"/)])
})

test('requests over HTTP count as opens of their address, and are told when to come back', async () => {
  const relay = await start({ args: ['--limit', 'addressOpensBurst=2,addressOpensPerSecond=1'] })
  const answers = []
  for (let i = 0; i < 4; i++) answers.push(await fetch(`${relay.url}/api/v1/documents/notes`))
  expect(answers.slice(0, 2).map(({ status }) => status)).toEqual([404, 404])
  const last = answers.at(-1)!
  expect([last.status, Number(last.headers.get('Retry-After'))]).toEqual([429, 1])
  expect(await last.json()).toMatchObject({ code: 'rate_limited' })
})

test('who connects and says nothing, or not all of a request, is gone in a few seconds', async () => {
  const relay = await start({})
  const sockets = ['', 'GET /sync HTTP/1.1\r\nHost: x\r\n'].map((said) => {
    const socket = connectTcp(relay.port, '127.0.0.1', () => socket.write(said))
    let isClosed = false
    socket.on('close', () => {
      isClosed = true
    })
    socket.on('error', () => {})
    socket.resume()
    onTestFinished(() => void socket.destroy())
    return { isClosed: () => isClosed }
  })
  const began = performance.now()
  await until('both to be closed', () => sockets.every(({ isClosed }) => isClosed()))
  expect(performance.now() - began).toBeGreaterThan(4_000)
  expect(performance.now() - began).toBeLessThan(9_000)
})
