import { connect as connectTo, createServer, type Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { lostOf } from '../../packages/server/src/cli/load/run.js'
import { type RelayProcess, startRelay } from '../support/relay.js'
import { syncline } from './syncline.js'

async function start(): Promise<RelayProcess> {
  const relay = await startRelay()
  onTestFinished(() => relay.stop())
  return relay
}

/** Something between people and the relay that cuts every connection after so many bytes from the relay. */
async function cutAfter(relay: RelayProcess, bytesMax: number): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = connectTo(relay.port, '127.0.0.1')
    let bytes = 0
    far.on('data', (chunk) => {
      bytes += chunk.length
      if (bytes > bytesMax) near.destroy()
    })
    near.pipe(far).pipe(near)
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        near.destroy()
        far.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`
}

describe('syncline load', () => {
  test('lets 20 people type, and finds every edit again', async () => {
    const relay = await start()
    const args = ['load', relay.url, '--people', '20', '--documents', '2', '--rate', '5', '--seconds', '2', '--json']
    const { code, out, err } = await syncline(args)
    const result = JSON.parse(out.toString() || 'null')
    expect([code, err]).toEqual([0, ''])
    expect(result).toMatchObject({ people: 20, documents: 2, lost: 0, unsaved: 0, ended: {}, left: [] })
    expect(result.edits).toBe(20 * 5 * 2)
    expect(result.saved).toBe(result.edits)
    // each is seen by nine others
    expect(result.typedToSeen.count).toBeGreaterThan(0.8 * 9 * result.edits)
    expect(result.typedToSaved.count).toBe(result.edits)
    expect(result.typedToSaved.p50).toBeGreaterThan(0)
    expect(result.typedToSaved.p50).toBeLessThanOrEqual(result.typedToSaved.p99)
  })

  test('tells of connections that were cut, and ends with 1', async () => {
    const url = await cutAfter(await start(), 2_000)
    const { code, out } = await syncline(['load', url, '--people', '4', '--rate', '20', '--seconds', '2'])
    expect(code).toBe(1)
    expect(out.toString()).toMatch(/^ended early: \d \(the connection was closed with 1006\)$/m)
  })

  test('counts what was called saved and is not there', () => {
    const people = [
      { client: 1, saved: 10 },
      { client: 2, saved: 5 },
      { client: 3, saved: 7 },
    ]
    expect(
      lostOf(
        people,
        new Map([
          [1, 10],
          [2, 9],
        ]),
      ),
    ).toBe(7)
    expect(
      lostOf(
        people,
        new Map([
          [1, 4],
          [2, 5],
          [3, 7],
        ]),
      ),
    ).toBe(6)
  })

  test.each<[string[], string]>([
    [['http://relay.example', '--allow-host', 'other.example'], '--allow-host relay.example'],
    [['http://127.0.0.1:1', '--rate', 'fast'], '--rate'],
    [['http://127.0.0.1:1', '--people', '10000', '--rate', '1000'], 'more than 5,000,000 edits'],
  ])('refuses %j', async (args, said) => {
    const { code, err } = await syncline(['load', ...args])
    expect([code, err]).toEqual([2, expect.stringContaining(said)])
  })
})
