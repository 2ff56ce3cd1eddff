import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { connect } from './connect.js'
import { world } from './testing/fakes.js'
import { version } from './version.js'

const offline = { online: false }

describe('the relay’s url', () => {
  it.each([
    ['http://relay.test', 'ws://relay.test/sync'],
    ['https://relay.test/', 'wss://relay.test/sync'],
    ['ws://relay.test:4500/sync', 'ws://relay.test:4500/sync'],
    ['wss://relay.test/sync/', 'wss://relay.test/sync'],
    ['https://relay.test/base/path', 'wss://relay.test/base/path/sync'],
    ['https://relay.test/base/sync?region=eu#top', 'wss://relay.test/base/sync?region=eu'],
    ['http://[::1]:80/resync', 'ws://[::1]/resync/sync'],
  ])('%s is %s', (given, url) => {
    expect(connect(given, offline).url).toBe(url)
  })

  it.each(['', 'relay.test', '/sync', 'ftp://relay.test', 'wsx://relay.test'])('"%s" is refused', (given) => {
    expect(() => connect(given, offline)).toThrow(expect.objectContaining({ code: 'invalid_option' }))
  })
})

it('refuses options that are no time', () => {
  for (const value of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(() => connect('ws://relay.test', { ...offline, retryMsMax: value })).toThrow('retryMsMax')
    expect(() => connect('ws://relay.test', { ...offline, silenceMsMax: value })).toThrow('silenceMsMax')
  }
})

it('refuses a bad name at once', () => {
  const { connection } = world()
  for (const name of ['', 'a\nb', '\ud800', 'x'.repeat(600)]) {
    expect(() => connection.open(name)).toThrow(expect.objectContaining({ code: 'invalid_name' }))
  }
})

it('tells the relay its name and version', async () => {
  const { socket } = world()
  await socket.accept()
  expect(socket.received[0]).toMatchObject({ type: 'hello', agent: `syncline-client/${version}` })
  expect(JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))).toMatchObject({ version })
})
