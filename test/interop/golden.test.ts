import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { protocolVersion } from '@syncline/protocol'
import { expect, onTestFinished, test } from 'vitest'
import { joinNative } from '../support/clients.js'
import { startRelay } from '../support/relay.js'
import { filesMatching, readJson, root } from '../support/tree.js'
import type { Event } from './golden/conversation.js'
import { recordConversation } from './golden/record.js'
import { replayConversation } from './golden/replay.js'

const fixtureOf = (version: number) => `test/fixtures/wire/protocol-${version}.json`
const current = join(root, fixtureOf(protocolVersion))

test.runIf(process.env.SYNCLINE_RECORD === '1' && !existsSync(current))('a conversation is recorded', async () => {
  const events = await recordConversation()
  const lines = events.map((event) => `    ${JSON.stringify(event)}`).join(',\n')
  writeFileSync(current, `{\n  "protocol": "syncline.${protocolVersion}",\n  "events": [\n${lines}\n  ]\n}\n`)
})

test('there is a conversation of this protocol version, and of the two before', () => {
  const versions = [0, 1, 2].map((age) => protocolVersion - age).filter((version) => version > 0)
  const fixtures = filesMatching(/^test\/fixtures\/wire\/protocol-\d+\.json$/)
  expect(fixtures).toEqual(expect.arrayContaining(versions.map(fixtureOf)))
})

test.each(filesMatching(/^test\/fixtures\/wire\/.*\.json$/))('the clients of %s are answered as ever', async (path) => {
  const { protocol, events } = readJson(path) as { protocol: string; events: Event[] }
  const relay = await startRelay()
  onTestFinished(() => relay.stop())
  const compared = await replayConversation(relay.webSocketUrl, protocol, events)
  expect(compared).toBeGreaterThan(10)
  const reader = joinNative(relay, 'golden')
  await reader.synced
  expect(reader.text.toString()).toMatch(/^ello.*world/)
  expect(reader.text.length).toBe(11)
  await reader.leave()
})
