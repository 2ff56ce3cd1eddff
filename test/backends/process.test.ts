import { expect, test } from 'vitest'
import { startRelay as startProcess, syncline } from '../cli/support.js'
import { joinNative } from '../support/clients.js'
import { until } from '../support/until.js'
import { type Endpoint, isSigned, startEndpoint, webhookSecret } from './support.js'

const saved = (person: ReturnType<typeof joinNative>) =>
  until('it to be saved', () => person.handle.status.saved && person.handle.status.synced, {
    seen: () => person.handle.status,
  })

const serving = (endpoint: Endpoint, ...args: readonly string[]) =>
  startProcess({
    args: ['--webhook-url', endpoint.url, '--webhook-allow-private', '--webhook-every', '0.2', ...args],
    env: { SYNCLINE_WEBHOOK_SECRET: webhookSecret },
  })

test('a change that was saved is told after kill -9, once and for all', async () => {
  const endpoint = await startEndpoint()
  endpoint.answer = (response) => void response.writeHead(500).end()
  const relay = await serving(endpoint, '--webhook-content', 'text', '--webhook-events', 'changed,opened')
  const ann = joinNative(relay, 'notes')
  await ann.synced
  await until('its opening to be told', () => endpoint.told.some(({ type }) => type === 'document.opened'))
  ann.text.insert(0, 'hello')
  await saved(ann)
  await relay.kill('SIGKILL')
  await ann.leave()
  const isChange = ({ type }: { type: string }) => type === 'document.changed'
  const before = endpoint.told.filter(isChange).map(({ id }) => id)
  endpoint.answer = (response) => void response.writeHead(204).end()
  await relay.start()
  const after = () => endpoint.told.filter(isChange).slice(before.length)
  await until('the change to be told', () => after().length === 1)
  expect(after()[0]!.data).toMatchObject({ document: 'notes', position: 1, content: 'hello' })
  expect(isSigned(after()[0]!, webhookSecret)).toBe(true)
  for (const id of before) expect(id).toBe(after()[0]!.id)
  // what was taken is not owed any more, in no later life of the relay
  const pending = async () => (await (await fetch(`${relay.url}/api/v1/webhooks`)).json()).pending
  await until('nothing to be owed', async () => (await pending()) === 0)
  await relay.kill('SIGTERM')
  const listed = await syncline('webhook', 'list', '--data', relay.dataDirectory)
  expect(listed).toMatchObject({ code: 0, out: '0 events given up; 0 to be told\n' })
  await relay.start()
  const ben = joinNative(relay, 'notes')
  await ben.synced
  ben.text.insert(5, '!')
  await until('the next change to be told', () => after().length === 2)
  expect(after()[1]!.data).toMatchObject({ position: 2, content: 'hello!' })
  await ben.leave()
})

test('what was given up is listed and replayed by commands, and over HTTP, while the relay runs or not', async () => {
  const endpoint = await startEndpoint()
  endpoint.answer = (response) => void response.writeHead(410).end()
  const relay = await serving(endpoint, '--webhook-retry-for', '0', '--webhook-events', 'document.changed')
  const data = ['--data', relay.dataDirectory]
  const ann = joinNative(relay, 'notes')
  await ann.synced
  ann.text.insert(0, 'hello')
  await saved(ann)
  const setAside = async () => (await (await fetch(`${relay.url}/api/v1/webhooks`)).json()).setAside
  await until('it to be given up', async () => (await setAside()).length === 1)
  const listed = await syncline('webhook', 'list', ...data)
  expect(listed.out).toMatch(
    /"notes" document\.changed http:.*: 1 attempt, it answered with 410\n1 event given up; 0 to/,
  )
  expect(await (await fetch(`${relay.url}/api/v1/webhooks/replay`, { method: 'POST' })).json()).toEqual({ replayed: 1 })
  await until('it to be given up again', async () => endpoint.told.length === 2 && (await setAside()).length === 1)
  await ann.leave()
  await relay.kill('SIGTERM')
  expect((await syncline('webhook', 'list', '--json', ...data)).out).toContain('"reason": "it answered with 410"')
  expect(await syncline('webhook', 'replay', ...data)).toMatchObject({ code: 0, out: '1 event to be told once more\n' })
  endpoint.answer = (response) => void response.writeHead(204).end()
  await relay.start()
  await until('it to be taken', () => endpoint.told.length === 3)
  await until('nothing to be set aside', async () => (await setAside()).length === 0)
  expect(new Set(endpoint.told.map(({ id }) => id)).size).toBe(1)
})
