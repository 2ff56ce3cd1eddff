import { expect, onTestFinished, test } from 'vitest'
import { read } from '../relay/support.js'
import { connectHocuspocus } from '../support/hocuspocus.js'
import { startRelay } from '../support/relay.js'
import { until } from '../support/until.js'

test('an unmodified Hocuspocus provider: what it calls saved outlives kill -9, what it does not comes back', async () => {
  const relay = await startRelay()
  onTestFinished(() => relay.stop())
  const { socket, open } = connectHocuspocus(relay.webSocketUrl)
  const { provider, text } = open('notes')
  let saved = ''
  provider.on('unsyncedChanges', ({ number }: { number: number }) => {
    if (number === 0 && provider.isSynced) saved = text.toString()
  })
  for (let life = 0; life < 5; life++) {
    await until('it to be saved', () => provider.isSynced && !provider.hasUnsyncedChanges)
    for (let key = 0; key < 50; key++) text.insert(text.length, `${life}`)
    await until('some of it to be on its way', () => provider.unsyncedChanges < 50)
    await relay.kill('SIGKILL')
    // whoever wrote it is away: what is there now, the relay has from its disk
    socket.disconnect()
    await until('the provider to be away', () => socket.status === 'disconnected')
    await relay.start()
    const onDisk = await read(relay.webSocketUrl, 'notes')
    expect(onDisk.slice(0, saved.length)).toBe(saved)
    void socket.connect()
  }
  await until('all of it to be saved', () => provider.isSynced && !provider.hasUnsyncedChanges)
  expect(await read(relay.webSocketUrl, 'notes')).toBe(text.toString())
  expect(text.length).toBe(250)
})
