import { type Clock, type Connection, connect, type DocumentHandle, type DocumentStatus } from '@syncline/client'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import { until, within } from '../support/until.js'
import { join, startRelay, Wire } from './world.js'

function textOf(handle: DocumentHandle): Y.Text {
  return handle.doc.getText('text')
}

function equal(...handles: DocumentHandle[]): boolean {
  const states = handles.map(({ doc }) => Buffer.from(Y.encodeStateAsUpdate(doc)).toString('hex'))
  return states.every((state) => state === states[0])
}

function together(...handles: DocumentHandle[]): Promise<void> {
  return until('equal replicas', () => equal(...handles), {
    seen: () => handles.map((handle) => textOf(handle).toString()),
  })
}

/** Resolves when the connection that is there is lost. */
function lossOf(connection: Connection): Promise<void> {
  return new Promise((resolve) => connection.on('state', (state) => state !== 'online' && resolve()))
}

/** A clock that runs too fast. */
function fastClock(times: number): Clock {
  return {
    now: () => performance.now() * times,
    after(ms, call) {
      const timer = setTimeout(call, ms / times)
      return () => clearTimeout(timer)
    },
    soon: setImmediate,
  }
}

test('two people type at once and end with the same text, which a third one reads', async () => {
  const relay = await startRelay()
  const [ada, grace] = [join(relay).open('page'), join(relay).open('page')]
  for (let i = 0; i < 200; i++) {
    textOf(ada).insert(textOf(ada).length, `a${i} `)
    textOf(grace).insert(0, `g${i} `)
    if (i % 10 === 0) await within('the save', ada.saved())
  }
  await Promise.all([ada.saved(), grace.saved()])
  await together(ada, grace)
  const reader = join(relay).open('page')
  await within('the sync', reader.synced)
  expect(textOf(reader).toString()).toBe(textOf(ada).toString())
  expect(textOf(reader).toString().split(' ')).toHaveLength(401)
})

test('many documents share one socket', async () => {
  const relay = await startRelay()
  const names = Array.from({ length: 200 }, (_, i) => `folder/page ${i}`)
  const [ada, grace] = [join(relay), join(relay)]
  const written = names.map((name) => ada.open(name))
  for (const [i, handle] of written.entries()) textOf(handle).insert(0, `${i}`)
  await within('the saves', Promise.all(written.map((handle) => handle.saved())))
  const read = names.map((name) => grace.open(name))
  await within('the syncs', Promise.all(read.map((handle) => handle.synced)))
  expect(read.map((handle) => textOf(handle).toString())).toEqual(names.map((_, i) => `${i}`))
  expect(relay.stats).toMatchObject({ connections: 2, sessions: 400 })
  await Promise.all(read.map((handle) => handle.close()))
  await until('the end of the sessions', () => relay.stats.sessions === 200)
})

test('what was typed offline comes back, on both sides', async () => {
  const relay = await startRelay()
  const [adas, graces] = [join(relay), join(relay)]
  const [ada, grace] = [adas.open('page'), graces.open('page')]
  textOf(ada).insert(0, 'together. ')
  await within('the save', ada.saved())
  await together(ada, grace)
  adas.goOffline()
  textOf(ada).insert(0, 'Ada alone. ')
  textOf(grace).insert(0, 'Grace alone. ')
  await within('the save', grace.saved())
  expect(ada.status).toMatchObject({ connection: 'offline', synced: false, pending: 1, saved: false })
  expect(textOf(ada).toString()).toBe('Ada alone. together. ')
  adas.goOnline()
  await within('the save', ada.saved())
  await together(ada, grace)
  expect(textOf(grace).toString()).toMatch(/^((Ada|Grace) alone\. ){2}together\. $/)
})

test('what was typed before the first connect comes too', async () => {
  const relay = await startRelay()
  await relay.stop()
  const ada = join(relay).open('page')
  textOf(ada).insert(0, 'early')
  await until('a failed attempt', () => ada.status.connection === 'offline')
  await relay.start()
  await within('the save', ada.saved())
  const grace = join(relay).open('page')
  await within('the sync', grace.synced)
  expect(textOf(grace).toString()).toBe('early')
})

test('a relay that restarts while two people type loses nothing', async () => {
  const relay = await startRelay()
  const [ada, grace] = [join(relay).open('page'), join(relay).open('page')]
  await within('the syncs', Promise.all([ada.synced, grace.synced]))
  const type = (round: number) => {
    textOf(ada).insert(textOf(ada).length, `a${round} `)
    textOf(grace).insert(0, `g${round} `)
  }
  for (let round = 0; round < 3; round++) {
    type(round)
    const stopped = relay.stop()
    type(round)
    await stopped
    type(round)
    await relay.start()
    type(round)
  }
  await within('the saves', Promise.all([ada.saved(), grace.saved()]))
  await together(ada, grace)
  expect(textOf(ada).toString().split(' ')).toHaveLength(25)
})

test('a cut line and one that swallows everything are noticed, and nothing is lost', async () => {
  const relay = await startRelay()
  const wire = new Wire(relay)
  await wire.start()
  // 10 s of silence are 200 ms
  const adas = join(wire, { clock: fastClock(50) })
  const [ada, grace] = [adas.open('page'), join(relay).open('page')]
  textOf(ada).insert(0, 'a')
  await within('the save', ada.saved())
  for (const break_ of [() => wire.cut(), () => wire.swallow(), () => wire.swallow(), () => wire.cut()]) {
    const lost = lossOf(adas)
    break_()
    textOf(ada).insert(0, 'a')
    textOf(grace).insert(0, 'g')
    expect(ada.status.saved).toBe(false)
    await within('the loss of the connection', lost)
    await within('the save', ada.saved())
    await together(ada, grace)
  }
  expect(textOf(ada).toString()).toMatch(/^[ag]{8}a$/)
})

test('one name opened twice is one replica and one session', async () => {
  const relay = await startRelay()
  const connection = join(relay)
  const [first, second] = [connection.open('page'), connection.open('page')]
  await within('the sync', second.synced)
  textOf(first).insert(0, 'seen by both')
  expect(textOf(second).toString()).toBe('seen by both')
  expect(relay.stats.sessions).toBe(1)
  await first.close()
  textOf(second).insert(0, 'still ')
  await within('the save', second.saved())
  await second.close()
  await until('the end of the session', () => relay.stats.sessions === 0)
  const third = connection.open('page')
  await within('the sync', third.synced)
  expect(textOf(third).toString()).toBe('still seen by both')
})

test('saved is said when the log has it, not before, and nobody else sees it before', async () => {
  const relay = await startRelay()
  const [ada, grace] = [join(relay).open('page'), join(relay).open('page')]
  await within('the syncs', Promise.all([ada.synced, grace.synced]))
  const seen: DocumentStatus[] = []
  ada.on('status', (status) => seen.push(status))
  const letCommit = relay.log.hold()
  textOf(ada).insert(0, 'a')
  let saved = false
  const saving = ada.saved().then(() => {
    saved = true
  })
  // Grace's edit waits for the same disk; when hers has arrived at the relay, so has Ada's
  const other = join(relay).open('elsewhere')
  await within('a sync', other.synced)
  expect([saved, ada.status.saved, textOf(grace).toString()]).toEqual([false, false, ''])
  expect(ada.status).toMatchObject({ connection: 'online', synced: true, pending: 1 })
  letCommit()
  await within('the save', saving)
  await together(ada, grace)
  expect(seen.map(({ pending, saved }) => [pending, saved])).toEqual([
    [1, false],
    [0, true],
  ])
})

test('an update of several megabytes arrives whole, and others type meanwhile', async () => {
  const relay = await startRelay()
  const [adas, graces] = [join(relay), join(relay)]
  const [large, small] = [adas.open('large'), adas.open('small')]
  await within('the syncs', Promise.all([large.synced, small.synced]))
  const text = Array.from({ length: 500_000 }, (_, i) => `${i % 10}`.repeat(10)).join('')
  textOf(large).insert(0, text)
  textOf(small).insert(0, 'small')
  await within('the saves', Promise.all([large.saved(), small.saved()]))
  const reader = graces.open('large')
  await within('the sync', reader.synced)
  expect(textOf(reader).toString() === text).toBe(true)
})

test('an update that does not fit into a document is refused with a reason, and harms no other document', async () => {
  const relay = await startRelay({ limits: { documentBytesMax: 10_000 } })
  const connection = join(relay)
  const [good, bad] = [connection.open('good'), connection.open('bad')]
  await within('the syncs', Promise.all([good.synced, bad.synced]))
  textOf(bad).insert(0, 'x'.repeat(20_000))
  await expect(within('the refusal', bad.saved())).rejects.toMatchObject({ name: 'SynclineError' })
  expect(bad.status).toMatchObject({ pending: 0, refused: 1, error: null })
  expect(bad.refused[0]).toMatchObject({ code: 'document_too_large', reason: expect.stringContaining('bytes') })
  textOf(good).insert(0, 'x')
  await within('the save', good.saved())
  expect(good.status).toMatchObject({ connection: 'online', saved: true })
})

test('people see each other’s cursors, after the text, and see them go', async () => {
  const relay = await startRelay()
  const [adas, graces] = [join(relay), join(relay)]
  const [ada, grace] = [adas.open('page'), graces.open('page')]
  ada.awareness.setLocalState({ name: 'Ada' })
  grace.awareness.setLocalState({ name: 'Grace' })
  const seenBy = (handle: DocumentHandle) => [...handle.awareness.getStates().values()].map(({ name }) => name).sort()
  await until('both cursors', () => [ada, grace].every((handle) => seenBy(handle).join() === 'Ada,Grace'))
  graces.goOffline()
  await until('one cursor', () => seenBy(ada).join() === 'Ada')
  expect(seenBy(grace)).toEqual(['Grace'])
  graces.goOnline()
  await until('both cursors', () => [ada, grace].every((handle) => seenBy(handle).join() === 'Ada,Grace'))
  await grace.close()
  await until('one cursor', () => seenBy(ada).join() === 'Ada')
})

test('close saves what was just typed, also before the first connect', async () => {
  const relay = await startRelay()
  const connection = connect(relay.url)
  textOf(connection.open('page')).insert(0, 'typed and gone')
  await within('the end', connection.close())
  const reader = join(relay).open('page')
  await within('the sync', reader.synced)
  expect(textOf(reader).toString()).toBe('typed and gone')
})

test('a reconnect in which nothing changed costs at most 300 bytes of messages', async () => {
  const relay = await startRelay()
  let messageBytes = 0
  class CountedSocket extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols)
      this.on('message', (data: ArrayBuffer) => {
        messageBytes += data.byteLength
      })
    }

    override send(data: Uint8Array): void {
      messageBytes += data.byteLength
      super.send(data)
    }
  }
  const connection = join(relay, { webSocket: (url, protocols) => new CountedSocket(url, protocols) })
  const handle = connection.open('page')
  for (let i = 0; i < 1_000; i++) textOf(handle).insert(0, `${i} `)
  await within('the save', handle.saved())
  expect(messageBytes).toBeGreaterThan(3_000)
  connection.goOffline()
  messageBytes = 0
  connection.goOnline()
  await until('the sync', () => handle.status.synced)
  await until('the cursor', () => messageBytes > 100)
  expect(messageBytes).toBeLessThanOrEqual(300)
})

test('edits that a throwing listener of Yjs hid from us are found by comparing with the relay', async () => {
  const relay = await startRelay()
  const [ada, grace] = [join(relay, { clock: fastClock(100) }).open('page'), join(relay).open('page')]
  await within('the syncs', Promise.all([ada.synced, grace.synced]))
  // from then on this Y.Doc tells nobody of its updates
  ada.doc.once('update', () => {
    throw new Error('mine')
  })
  expect(() => textOf(ada).insert(0, 'seen. ')).toThrow('mine')
  textOf(ada).insert(0, 'hidden. ')
  await together(ada, grace)
  expect(textOf(grace).toString()).toBe('hidden. seen. ')
})
