import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { createHttp } from './http.js'

const parent = mkdtempSync(join(tmpdir(), 'syncline-http-'))
const root = join(parent, 'static')
mkdirSync(join(root, 'assets'), { recursive: true })
writeFileSync(join(parent, 'secret.txt'), 'secret')
writeFileSync(join(root, 'index.html'), '<!doctype html><title>Application</title>')
writeFileSync(join(root, 'icon.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>')
writeFileSync(join(root, 'assets', 'index-DiwrgTda.js'), 'export {}')
writeFileSync(join(root, 'assets', 'index-B1c_d-2e.css'), 'a{}')
afterAll(() => rmSync(parent, { recursive: true, force: true }))

const app = createHttp({ condition: 'ready' }, { staticDirectory: root })
const navigation = { headers: { Accept: 'text/html,*/*;q=0.8' } }

describe('health', () => {
  test('is 200 while documents can be changed, else 503', async () => {
    const ready = await app.request('/healthz')
    expect([ready.status, await ready.json()]).toEqual([200, { status: 'ready' }])
    for (const condition of ['draining', 'storage_failed', 'read_only', 'event_loop_late'] as const) {
      const failed = await createHttp({ condition }).request('/readyz')
      expect([failed.status, await failed.json()]).toEqual([503, { status: condition }])
    }
  })
})

describe('a web application', () => {
  test.each([
    ['/', 'text/html; charset=utf-8', 'no-cache'],
    ['/index.html', 'text/html; charset=utf-8', 'no-cache'],
    ['/icon.svg', 'image/svg+xml; charset=utf-8', 'no-cache'],
    ['/assets/index-DiwrgTda.js', 'text/javascript; charset=utf-8', 'public, max-age=31536000, immutable'],
    ['/assets/index-B1c_d-2e.css', 'text/css; charset=utf-8', 'public, max-age=31536000, immutable'],
  ])('%s is %s, cached: %s', async (path, type, caching) => {
    const response = await app.request(path)
    expect(response.status).toBe(200)
    expect(response.headers.get('Content-Type')).toBe(type)
    expect(response.headers.get('Cache-Control')).toBe(caching)
    expect(response.headers.get('X-Content-Type-Options')).toBe('nosniff')
  })

  test('is opened by a path within it, by people and not by scripts', async () => {
    const opened = await app.request('/d/some/document', navigation)
    expect([opened.status, await opened.text()]).toEqual([200, expect.stringContaining('Application')])
    expect(opened.headers.get('Cache-Control')).toBe('no-cache')
    for (const init of [
      {},
      { headers: { Accept: 'application/json' } },
      { headers: { ...navigation.headers, 'Sec-Fetch-Mode': 'cors' } },
      { method: 'POST', ...navigation },
    ]) {
      expect((await app.request('/d/some/document', init)).status).toBe(404)
    }
    // a file of an older build is gone, and no page takes its place in a cache
    expect((await app.request('/assets/index-00000000.js', navigation)).status).toBe(404)
  })

  test.each([
    '/../secret.txt',
    '/%2e%2e/secret.txt',
    '/..%2fsecret.txt',
    '/assets/../../secret.txt',
    '/....//secret.txt',
    '//secret.txt',
  ])('shows nothing beside it: %s', async (path) => {
    const response = await app.request(new Request(`http://relay.test${path}`))
    expect(response.status).toBe(404)
    expect(await response.text()).not.toContain('secret')
  })
})

describe('anything else', () => {
  test('is 404 in JSON', async () => {
    const response = await createHttp({ condition: 'ready' }).request('/nowhere', navigation)
    expect([response.status, await response.json()]).toEqual([
      404,
      { error: { code: 'not_found', reason: expect.any(String) } },
    ])
  })

  test('a path of WebSockets says so', async () => {
    for (const path of ['/sync', '/y/notes']) {
      const response = await app.request(path, navigation)
      expect([response.status, response.headers.get('Upgrade')]).toEqual([426, 'websocket'])
    }
  })

  test('a path of WebSockets tells that the relay is stopping', async () => {
    const response = await createHttp({ condition: 'draining' }).request('/sync', navigation)
    expect([response.status, await response.json()]).toEqual([
      503,
      { error: { code: 'shutting_down', reason: expect.any(String) } },
    ])
  })
})
