import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { syncline } from '../cli/support.js'
import { joinNative, joinYWebsocket } from '../support/clients.js'
import { startRelay } from '../support/relay.js'
import { filesMatching, readText } from '../support/tree.js'
import { until } from '../support/until.js'

type Line = Readonly<Record<string, unknown>>

test('each connection leaves one line with all that it came to: no content, no token, and hashes of names', async () => {
  const relay = await startRelay({ args: ['--log-level', 'debug', '--log-hash-names'] })
  onTestFinished(() => relay.stop())
  const lines = (): Line[] =>
    relay.complaints.split('\n').flatMap((line) => (line.endsWith('}') ? [JSON.parse(line)] : []))
  const ended = () => lines().filter(({ event }) => event === 'connection_ended')

  const ada = joinNative(relay, 'a-private-name')
  const ben = joinYWebsocket(relay, 'a-private-name')
  await Promise.all([ada.synced, ben.synced])
  ada.text.insert(0, 'a private thought')
  await until('Ben to have it', () => ben.text.length > 0)
  await Promise.all([ada.leave(), ben.leave()])
  await until('both lines', () => ended().length === 2, { seen: ended })
  for (const line of ended()) {
    expect(line).toMatchObject({ level: 'info', address: '127.0.0.1', status: expect.any(Number), code: 'closed' })
    for (const total of ['ms', 'receivedBytes', 'receivedMessages', 'sentBytes', 'sentMessages']) {
      expect(line[total]).toBeGreaterThan(0)
    }
  }

  const broken = new WebSocket(`${relay.webSocketUrl}/y/a-private-name?token=a-private-token`)
  onTestFinished(() => broken.terminate())
  broken.on('open', () => broken.send('a private text'))
  await until('the third line', () => ended().length === 3, { seen: ended })
  expect(ended()[2]).toMatchObject({ status: 4400, code: 'malformed_frame' })

  for (const line of lines()) expect(line).toMatchObject({ event: expect.stringMatching(/^[a-z_]+$/) })
  const atData = ['--data', relay.dataDirectory]
  await syncline('doc', 'compact', 'a-private-name', ...atData)
  const { out: hash } = await syncline('log-name', 'a-private-name', ...atData)
  expect(lines().at(-1)).toMatchObject({ event: 'operator_command', document: hash.trim() })
  expect(relay.complaints).not.toContain('private')
})

test('the README has every event that the relay logs', () => {
  const named = filesMatching(/^packages\/server\/src\/.*(?<!\.test)\.ts$/).flatMap((path) => {
    const calls = readText(path).matchAll(/\blogger(?:\.|\[)(?:debug|info|warn|error)\((\s*\{[^}]*)?/g)
    return Array.from(calls, ([call]) => ({ path, event: /event: '([a-z_]+)'/.exec(call)?.[1], call }))
  })
  const nameless = named.filter(({ event, call }) => event === undefined && !call.endsWith('('))
  expect(nameless).toEqual([])
  const text = readText('packages/server/README.md')
  const table = text.slice(text.indexOf('| event | level |')).split('\n\n')[0]!
  const listed = Array.from(table.matchAll(/^\| `([a-z_]+)`/gm), ([, event]) => event)
  const logged = new Set(named.map(({ event }) => event).filter((event) => event !== undefined))
  expect(listed.toSorted()).toEqual([...logged, 'connection_ended'].toSorted())
})
