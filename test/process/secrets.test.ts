import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { emptyDirectory, startRelay, syncline } from '../cli/support.js'
import { joinYWebsocket } from '../relay/support.js'
import { reply, serveLocally, signed } from '../support/issuer.js'
import { until } from '../support/until.js'

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

const secret = 'canary-of-the-secret-0123456789abcdef'
const webhookKey = Buffer.from('canary-of-the-webhooks-secret').toString('base64')
const webhookSecret = `whsec_${webhookKey}`

test('secrets of webhooks and of loading are told nowhere: not to clients, operators, metrics or the log', async () => {
  const asked: string[] = []
  const backend = await serveLocally(({ url = '' }, body, response) => {
    asked.push(url)
    if (body.includes('nowhere')) response.writeHead(302, { Location: '/canary' }).end('canary')
    else if (url.startsWith('/load')) reply(response, 404)
    else response.writeHead(410, { 'X-Answer': 'canary' }).end('canary of an answer')
  })
  const withSecrets = (path: string) => `${backend}${path}?key=canary`
  const args = ['--webhook-url', withSecrets('hook'), '--load-url', withSecrets('load')]
  const directory = emptyDirectory()
  // a port that was free a moment ago
  const port = await freePort()
  const relay = await startRelay({
    args: [
      ...args,
      '--metrics-port',
      String(port),
      '--webhook-allow-private',
      '--webhook-every',
      '0.1',
      '--webhook-retry-for',
      '0',
      '--log-level',
      'debug',
    ],
    env: { SYNCLINE_JWT_SECRET: secret, SYNCLINE_WEBHOOK_SECRET: webhookSecret },
  })
  const said: string[] = []
  const token = await signed({ sub: 'ada', admin: true }, secret)
  const writer = joinYWebsocket(relay.webSocketUrl, 'notes', undefined, { params: { token } })
  writer.text.insert(0, 'hello')
  const status = async () => {
    const response = await fetch(`${relay.url}/api/v1/webhooks`, { headers: { Authorization: `Bearer ${token}` } })
    return response.text()
  }
  await until('an event to be given up', async () => JSON.parse(await status()).setAside?.length > 0)
  const refused = new WebSocket(`${relay.webSocketUrl}/y/nowhere?token=${token}`)
  refused.on('close', (code, reason) => said.push(`${code} ${reason}`))
  await until('a document not to be loaded', () => said.length > 0)
  expect(said[0]).toMatch(/^4504 not_loaded/)

  for (const path of [
    '/admin',
    '/api/v1/status',
    '/api/v1/documents',
    '/api/v1/webhooks',
    '/api/v1/documents/nowhere/text',
  ]) {
    said.push(await (await fetch(`${relay.url}${path}`, { headers: { Authorization: `Bearer ${token}` } })).text())
  }
  said.push(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text())
  const file = join(directory, 'relay.json')
  writeFileSync(
    file,
    JSON.stringify({ webhookSecret, webhookUrl: [withSecrets('hook')], loadUrl: withSecrets('load') }),
  )
  const data = ['--data', relay.dataDirectory]
  const config = ['config', '--config', file]
  const commands = [['webhook', 'list', '--json', ...data], ['status', ...data], config, [...config, '--json']]
  said.push(JSON.stringify(await Promise.all(commands.map((command) => syncline(...command)))))
  await relay.kill('SIGTERM')
  said.push(relay.complaints)

  expect(asked.some((url) => url.startsWith('/hook')) && asked.some((url) => url.startsWith('/load'))).toBe(true)
  const all = said.join('\n')
  expect(all).toContain('document_not_loaded')
  expect(all).toContain('syncline_webhooks')
  for (const hidden of ['canary', webhookKey, secret, token.split('.')[2]!]) expect(all).not.toContain(hidden)
})
