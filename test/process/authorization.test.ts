import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connect } from '@syncline/client'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { syncline } from '../cli/syncline.js'
import { joinYWebsocket, NativeClient } from '../relay/support.js'
import { connectHocuspocus } from '../support/hocuspocus.js'
import { reply, serveLocally, signed } from '../support/issuer.js'
import { type RelayProcess, type RelayProcessOptions, startRelay } from '../support/relay.js'
import { until } from '../support/until.js'

const secret = 'canary-of-the-secret-0123456789abcdef'
const tlsFile = (name: string) => fileURLToPath(new URL(`../fixtures/tls/${name}.pem`, import.meta.url))

async function start(options: RelayProcessOptions): Promise<RelayProcess> {
  const relay = await startRelay({ ...options, args: ['--log-level', 'debug', ...(options.args ?? [])] })
  onTestFinished(() => relay.stop())
  return relay
}

function file(content: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'syncline-secret-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const path = join(directory, 'secret')
  // as an editor leaves it, with a line feed
  writeFileSync(path, `${content}\n`, { mode: 0o600 })
  return path
}

async function tokenFor(subject: string, ...documents: string[]): Promise<string> {
  const flags = documents.flatMap((document) => ['--document', document])
  const { code, out, err } = await syncline([
    'token',
    '--subject',
    subject,
    ...flags,
    '--jwt-secret-file',
    file(secret),
  ])
  expect([code, err]).toEqual([0, ''])
  return out.toString().trim()
}

async function joined(relay: RelayProcess, token: string, name = 'notes') {
  const connection = connect(relay.url, { token })
  onTestFinished(() => connection.close())
  const handle = connection.open(name)
  return { handle, text: handle.doc.getText() }
}

describe('syncline serve', () => {
  test.each(['file', 'variable'])(
    '--auth jwt, with the secret in a %s and tokens of `syncline token`',
    async (where) => {
      const relay = await start(
        where === 'file'
          ? { args: ['--host', '0.0.0.0', '--jwt-secret-file', file(secret)] }
          : { args: ['--auth', 'jwt'], env: { SYNCLINE_JWT_SECRET: secret } },
      )
      const url = `ws://127.0.0.1:${relay.port}`
      const writer = joinYWebsocket(url, 'notes/1', undefined, {
        params: { token: await tokenFor('ada', 'notes/*:write') },
      })
      writer.text.insert(0, 'hello')
      const given = await tokenFor('ben', 'notes/*:read', 'plan:write')
      const reader = await joined(relay, given, 'notes/1')
      await until('it to read', () => reader.text.toString() === 'hello')
      expect(reader.handle.status.access).toBe('read')
      const refused = await joined(relay, given, 'secret')
      await expect(refused.handle.synced).rejects.toMatchObject({ code: 'forbidden' })
    },
  )

  test('says nothing secret anywhere: in logs, errors, reasons and status', async () => {
    const relay = await start({ args: ['--jwt-secret-file', file(secret)] })
    const url = relay.webSocketUrl
    // a list: `+=` with an await in it would lose what comes meanwhile
    const said: string[] = []
    relay.process.stdout?.on('data', (bytes) => {
      said.push(`${bytes}`)
    })
    relay.process.stderr?.on('data', (bytes) => {
      said.push(`${bytes}`)
    })
    const wrong = await signed({ sub: 'canary-of-a-subject' }, 'canary-of-another-secret-0123456789')
    const good = await tokenFor('ada', '*:write')
    const tokens = [good, wrong, 'canary.of.a.token', `canary${'x'.repeat(9_000)}`]
    for (const token of tokens) {
      const client = await NativeClient.connect(url, token.slice(0, 8_000))
      client.ask(1, { type: 'open', name: 'notes', resume: null, stateVector: Uint8Array.of(0) })
      await until('an answer', () => client.heard.length > 1)
      client.say({ type: 'token', token: wrong })
      client.ask(2, { type: 'open', name: 'plan', resume: null, stateVector: Uint8Array.of(0) })
      said.push(`${JSON.stringify(client.heard) + JSON.stringify((await client.hears(2, 'refused')).reason)}`)
      const y = joinYWebsocket(url, 'notes', undefined, { params: { token } })
      await until('an answer', () => y.provider.synced || y.isStopped())
      said.push(`${JSON.stringify(y.closes)}`)
      const hocuspocus = connectHocuspocus(url).open('notes', { token })
      await until('an answer', () => hocuspocus.provider.isSynced || hocuspocus.denials.length > 0)
      said.push(`${JSON.stringify(hocuspocus.denials)}`)
      for (const path of [
        `/y/notes?token=${token}`,
        `/nowhere?token=${token}`,
        `/y/%ff?token=${token}`,
        `/healthz?token=${token}`,
      ]) {
        const headers = { Authorization: `Bearer ${token}`, Cookie: `session=${token}` }
        const response = await fetch(`${relay.url}${path.slice(0, 12_000)}`, { headers }).catch(() => null)
        said.push(`${await response?.text()}`)
        const socket = new WebSocket(`${url}${path}`, { headers: { Authorization: `Bearer ${token}` } })
        await new Promise<void>((resolve) => {
          socket.on('unexpected-response', (_request, answer) => {
            answer.on('data', (bytes) => {
              said.push(`${bytes}`)
            })
            answer.on('end', resolve)
          })
          socket.on('open', resolve)
          socket.on('error', () => resolve())
        })
        socket.terminate()
      }
    }
    said.push(`${(await syncline(['status', '--data', relay.dataDirectory])).out}`)
    said.push(`${(await syncline(['revoke', '--subject', 'ada', '--data', relay.dataDirectory])).out}`)
    const files = readdirSync(relay.dataDirectory).filter((name) => name !== 'log' && name !== 'control.sock')
    for (const name of files) said.push(`${readFileSync(join(relay.dataDirectory, name))}`)
    await until('its log to have come', () => said.join('').includes('access was revoked'))
    expect(said.join('')).not.toContain('canary')
    for (const part of good.split('.').slice(1)) expect(said.join('')).not.toContain(part)
  })

  test('a revocation is in force within a second, and over restarts', async () => {
    const relay = await start({ args: ['--jwt-secret-file', file(secret)] })
    const given = await tokenFor('ada', '*:write')
    const other = await joined(relay, await tokenFor('ben', '*:write'))
    const ada = await joined(relay, given)
    const y = joinYWebsocket(relay.webSocketUrl, 'notes', undefined, { params: { token: given } })
    await Promise.all([ada.handle.synced, other.handle.synced, until('y-websocket to be in', () => y.provider.synced)])
    const { code, out } = await syncline(['revoke', '--subject', 'ada', '--data', relay.dataDirectory])
    const revokedAt = performance.now()
    expect([code, out.toString()]).toEqual([0, 'It is revoked; 2 sessions ended\n'])
    other.text.insert(0, 'secret')
    await other.handle.saved()
    await until('both to be out', () => ada.handle.status.connection === 'refused' && y.isStopped())
    expect(performance.now() - revokedAt).toBeLessThan(1_000)
    expect([ada.handle.status.error?.code, ada.text.toString(), y.text.toString()]).toEqual(['revoked', '', ''])
    await relay.restart()
    const again = await joined(relay, given)
    await expect(again.handle.synced).rejects.toMatchObject({ code: 'revoked' })
    await relay.kill('SIGTERM')
    const ben = await tokenFor('ben', '*:write')
    expect((await syncline(['revoke', '--document', 'notes', '--data', relay.dataDirectory])).code).toBe(0)
    await relay.start()
    await expect((await joined(relay, ben)).handle.synced).rejects.toMatchObject({ code: 'revoked' })
    await (await joined(relay, ben, 'plan')).handle.synced
  })

  test("--authorize-url asks the application's backend, with its cookie", async () => {
    const backend = await serveLocally((_request, body, response) => {
      const { document, cookie } = JSON.parse(body)
      if (cookie !== 'session=1') return reply(response, 401)
      if (document !== 'notes') return reply(response, 403)
      reply(response, 200, { subject: 'ada', access: 'write', expiresIn: 60 })
    })
    const relay = await start({ args: ['--authorize-url', backend] })
    const status = async (path: string, cookie: string) => {
      const socket = new WebSocket(`${relay.webSocketUrl}${path}`, { headers: { cookie } })
      onTestFinished(() => socket.terminate())
      return new Promise<number>((resolve) => {
        socket.on('close', resolve)
        socket.on('message', () => resolve(0))
      })
    }
    expect(await status('/y/notes', 'session=1')).toBe(0)
    expect(await status('/y/plan', 'session=1')).toBe(4403)
    expect(await status('/y/notes', 'session=2')).toBe(4401)
  })

  test('--tls-cert and --tls-key serve https:// and wss://', async () => {
    const ca = readFileSync(tlsFile('certificate'))
    const relay = await start({ args: ['--tls-cert', tlsFile('certificate'), '--tls-key', tlsFile('key')] })
    expect(relay.url).toMatch(/^https:/)
    const health = await new Promise((resolve) => {
      request(`${relay.url}/healthz`, { ca }, ({ statusCode }) => resolve(statusCode)).end()
    })
    expect(health).toBe(200)
    const webSocket = (url: string, protocols: string[]) => new WebSocket(url, protocols, { ca })
    const connection = connect(relay.url, { webSocket: webSocket as never })
    onTestFinished(() => connection.close())
    const { doc, saved } = { doc: connection.open('notes').doc, saved: connection.open('notes') }
    doc.getText().insert(0, 'x')
    await saved.saved()
  })

  test.each<[string, string[], string]>([
    ['the secret as a flag', ['--jwt-secret', secret], '--jwt-secret'],
    ['a secret that is not there', ['--jwt-secret-file', 'nowhere'], 'ENOENT'],
    ['two keys', ['--jwt-key-file', 'a', '--jwks-url', 'https://b.test'], '--auth'],
    ['url without one', ['--auth', 'url'], '--authorize-url'],
    ['jwt without a key', ['--auth', 'jwt'], '--jwt-secret-file'],
    ['a key beside none', ['--auth', 'none', '--jwt-key-file', 'a'], '--auth'],
    ['an address of others, unless it says who may do what', ['--host', '0.0.0.0'], '--auth'],
    ['a certificate without its key', ['--tls-cert', 'a'], '--tls-cert'],
    ['a certificate that is none', ['--tls-cert', tlsFile('key'), '--tls-key', tlsFile('key')], '--tls-cert'],
  ])('refuses %s', async (_, args, fact) => {
    const { code, err } = await syncline(['serve', '--port', '0', '--data', join(tmpdir(), 'syncline-never'), ...args])
    expect([code, err.trim().split('\n').length]).toEqual([2, 1])
    expect(err).toContain(fact)
    expect(err).not.toContain('canary')
  })

  test('makes a data directory for its owner alone, and warns of one that is open to others', async () => {
    const parent = mkdtempSync(join(tmpdir(), 'syncline-mode-'))
    onTestFinished(() => rmSync(parent, { recursive: true, force: true }))
    const dataDirectory = join(parent, 'data')
    const relay = await start({ dataDirectory })
    expect(statSync(dataDirectory).mode & 0o777).toBe(0o700)
    expect(relay.complaints).not.toContain('chmod')
    await relay.kill('SIGTERM')
    chmodSync(dataDirectory, 0o755)
    await relay.start()
    expect(relay.complaints).toContain('chmod 700')
  })
})

describe('syncline token', () => {
  test.each<[string[], string]>([
    [[], '--document or --admin'],
    [['--document', 'notes'], '--document'],
    [['--document', 'notes:admin'], '--document'],
    [['--document', 'notes:read', '--expires-in', '31d'], '--expires-in'],
    [['--document', 'notes:read', '--expires-in', '1'], '--expires-in'],
  ])('refuses %j', async (args, flag) => {
    const { code, err } = await syncline(['token', '--subject', 'ada', '--jwt-secret-file', file(secret), ...args])
    expect([code, err]).toEqual([2, expect.stringContaining(flag)])
  })
})
