import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { joinNative } from '../support/clients.js'
import { startRelay } from '../support/relay.js'
import { readText } from '../support/tree.js'

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address ? address.port : 0
}

/** The value of a metric without labels. */
function readingOf(text: string, name: string): number {
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN)
}

test('metrics are counted for the operator, have no names of documents, and are what dashboard and alerts ask for', async () => {
  const port = await freePort()
  const relay = await startRelay({ args: ['--metrics-port', String(port)] })
  onTestFinished(() => relay.stop())
  const author = joinNative(relay, 'a-secret-document')
  await author.synced
  author.doc.getText().insert(0, 'hello')
  await author.handle.saved()
  author.handle.awareness.setLocalStateField('user', { name: 'Ada' })
  const broken = new WebSocket(`${relay.webSocketUrl}/y/a-secret-document`)
  onTestFinished(() => broken.terminate())
  broken.on('open', () => broken.send('no binary frame'))
  await once(broken, 'close')
  const response = await fetch(`http://127.0.0.1:${port}/metrics`)
  expect(response.headers.get('Content-Type')).toMatch(/^text\/plain; version=0\.0\.4/)
  const text = await response.text()
  expect(readingOf(text, 'syncline_ready')).toBe(1)
  expect(readingOf(text, 'syncline_connections')).toBe(1)
  expect(readingOf(text, 'syncline_rooms')).toBe(1)
  expect(readingOf(text, 'syncline_updates_total')).toBeGreaterThan(0)
  expect(readingOf(text, 'syncline_commit_duration_seconds_count')).toBe(1)
  expect(readingOf(text, 'syncline_ack_duration_seconds_count')).toBe(1)
  expect(readingOf(text, 'syncline_ack_duration_seconds_sum')).toBeGreaterThan(0)
  for (const counted of [
    'syncline_disk_free_bytes',
    'syncline_tail_bytes',
    'syncline_received_bytes_total',
    'syncline_received_messages_total',
    'syncline_sent_bytes_total',
    'syncline_sent_messages_total',
    'process_resident_memory_bytes',
    'nodejs_eventloop_lag_p99_seconds',
  ]) {
    expect([counted, readingOf(text, counted)]).toEqual([counted, expect.toSatisfy((value) => value > 0)])
  }
  for (const name of [
    'storage_faults',
    'digest_mismatches',
    'auth_failures',
    'rate_limited',
    'slow_readers',
    'rejected',
  ]) {
    expect([name, readingOf(text, `syncline_${name}_total`)]).toEqual([name, 0])
  }
  expect(text).not.toContain('secret')
  const again = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  expect(readingOf(again, 'syncline_updates_total')).toBe(readingOf(text, 'syncline_updates_total'))

  const asked = ['deploy/grafana/syncline.json', 'deploy/prometheus/alerts.yml'].flatMap((path) =>
    Array.from(readText(path).matchAll(/\b(syncline|nodejs|process)_[a-z0-9_]+\b/g), ([name]) => name),
  )
  expect(asked.length).toBeGreaterThan(20)
  expect(asked).toEqual(expect.arrayContaining(['syncline_webhooks_pending', 'syncline_load_failures_total']))
  // they have a series for each code, which is there once there is something to count
  expect(text).toContain('syncline_refused_by_code_total{code="malformed_frame"} 1')
  expect(text).toContain('# TYPE syncline_rejected_by_code_total counter')
  const served = new Set(Array.from(text.matchAll(/^(?:# TYPE )?([a-z_0-9]+)[{ ]/gm), ([, name]) => name))
  expect(asked.filter((name) => !served.has(name))).toEqual([])

  expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200)
  for (const path of ['/livez', '/readyz', '/version']) expect((await fetch(relay.url + path)).status).toBe(200)
  expect((await fetch(`${relay.url}/metrics`)).status).toBe(404)
})
