import { connect } from '@syncline/client'
import { Coverage, Room } from '@syncline/protocol'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import * as Y from 'yjs'
import { AwarenessOutbox } from '../../packages/protocol/src/room/awarenessOutbox.js'
import { Content } from '../../packages/protocol/src/room/content.js'
import { CommitQueue } from '../../packages/protocol/src/room/queue.js'
import { Session } from '../../packages/protocol/src/room/session.js'
import { Committer } from '../../packages/server/src/log/committer.js'
import { until } from '../support/until.js'
import { joinYWebsocket, read, startRelay } from './support.js'

afterEach(() => {
  vi.restoreAllMocks()
})

/** All that a room is made of, and what it hands its commits to. */
const parts = [Coverage, CommitQueue, Content, Session, AwarenessOutbox, Committer]
const callsMax = 500

/** Makes one call to one of these parts throw, as a bug would: the `at`th from {@link arm} on. */
class Fault {
  fired: string | null = null
  readonly #at: number
  readonly #when: 'before' | 'after'
  #calls = 0
  #isArmed = false

  constructor(at: number, when: 'before' | 'after') {
    this.#at = at
    this.#when = when
    for (const part of parts) {
      for (const [name, { value, get }] of Object.entries(Object.getOwnPropertyDescriptors(part.prototype))) {
        if (get || typeof value !== 'function' || name === 'constructor') continue
        const meet = () => this.#meet(`${part.name}.${name}`)
        const methods = part.prototype as unknown as Record<string, (...args: unknown[]) => unknown>
        vi.spyOn(methods, name).mockImplementation(function (this: unknown, ...args) {
          if (when === 'before') meet()
          const result: unknown = Reflect.apply(value, this, args)
          if (when === 'after') meet()
          return result
        })
      }
    }
  }

  arm(): void {
    this.#isArmed = true
  }

  #meet(call: string): void {
    if (!this.#isArmed || this.fired !== null || ++this.#calls < this.#at) return
    this.fired = call
    throw new TypeError(`a bug ${this.#when} ${call}`)
  }
}

/** Two type in a document while one call throws; returns what threw, or null where there was no such call. */
async function live(at: number, when: 'before' | 'after'): Promise<string | null> {
  const { url, log, relay } = await startRelay()
  const connections = [0, 1].map(() => connect(url, { retryMsMax: 20 }))
  const leave = async () => void (await Promise.all(connections.map((connection) => connection.close())))
  onTestFinished(leave)
  const [ada, ben] = connections.map((connection) => connection.open('notes')) as [never, never]
  await write(ada, (text) => text.insert(0, 'What was there. '))
  await write(ben, (text) => text.insert(0, 'And this. '))
  const y = joinYWebsocket(url, 'notes')
  await until('all to be there', () => y.text.length === 26)

  const fault = new Fault(at, when)
  fault.arm()
  const written = [
    write(ada, (text) => {
      text.insert(0, 'Ada')
      text.delete(4, 3)
    }),
    write(ben, (text) => {
      text.insert(5, 'Ben')
      text.delete(0, 2)
    }),
  ]
  y.text.insert(8, 'Cy')
  y.provider.awareness.setLocalStateField('name', 'Cy')
  await Promise.all(written).catch((error: unknown) => {
    throw new Error(`${fault.fired}: ${error}`)
  })
  const texts = () => [textOf(ada), textOf(ben), y.text.toString()]
  const isOne = () => new Set(texts()).size === 1 && y.text.toString().includes('Cy')
  await until(`all to have the same, after ${when} ${fault.fired}`, isOne, { seen: texts })
  // what was called saved is in the log, and not only in what the room believes
  const stored = new Y.Doc()
  for (const { runs } of (await log.kept.read('notes'))!.records) {
    for (const { update } of runs) Y.applyUpdate(stored, update)
  }
  expect(stored.getText().toString(), `after ${when} ${fault.fired}`).toBe(textOf(ada))
  expect(await read(url, 'notes')).toBe(textOf(ada))
  expect(relay.stats().exceptions).toBeLessThanOrEqual(fault.fired === null ? 0 : 1)
  vi.restoreAllMocks()
  y.provider.destroy()
  await leave()
  await relay.close()
  return fault.fired
}

type Handle = ReturnType<ReturnType<typeof connect>['open']>

function write(handle: Handle, edit: (text: Y.Text) => void): Promise<void> {
  handle.doc.transact(() => edit(handle.doc.getText()))
  return handle.saved()
}

function textOf({ doc }: Handle): string {
  return doc.getText().toString()
}

test.each(['before', 'after'] as const)(
  'an exception %s any call within a room loses nothing that is called saved',
  async (when) => {
    const seen = new Set<string>()
    for (let at = 1; at < callsMax; at++) {
      const fired = await live(at, when)
      if (fired === null) break
      seen.add(fired)
    }
    console.info(`${when}: ${[...seen].sort().join(', ')}`)
    expect(seen).toContain('Coverage.addInserts')
    expect(seen).toContain('CommitQueue.add')
    expect(seen).toContain('Committer.request')
  },
  120_000,
)

test('where the coverage may have what is not queued, the room is loaded anew', async () => {
  const { url, relay } = await startRelay()
  const y = [0, 1].map(() => joinYWebsocket(url, 'notes'))
  await until('both to be synced', () => y.every(({ provider }) => provider.synced))
  vi.spyOn(Coverage.prototype, 'addInserts').mockImplementationOnce(() => {
    throw new TypeError('a bug')
  })
  y[0]!.text.insert(0, 'still here')
  await until('both to be told', () => y.every(({ closes }) => closes[0]?.code === 1011))
  await until('the edit to be saved', async () => (await read(url, 'notes')) === 'still here')
  expect(relay.stats().exceptions).toBe(1)
})

test('where it has not, nobody but the session that brought it is told', async () => {
  const { url } = await startRelay()
  const y = [0, 1].map(() => joinYWebsocket(url, 'notes'))
  await until('both to be synced', () => y.every(({ provider }) => provider.synced))
  const { step } = Room.prototype
  let isBroken = true
  vi.spyOn(Room.prototype, 'step').mockImplementation(function (this: Room, input) {
    if (isBroken && input.type === 'received') {
      isBroken = false
      throw new TypeError('a bug')
    }
    return step.call(this, input)
  })
  y[0]!.text.insert(0, 'still here')
  await until('the edit to be seen', () => y[1]!.text.toString() === 'still here')
  expect(y[0]!.closes[0]?.code).toBe(1011)
  expect(y[1]!.closes).toEqual([])
})
