import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { connect } from '@syncline/client'
import { defaultLimits } from '@syncline/protocol'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { Oracle } from '../crash/oracle.js'
import { RawWriter } from '../crash/rawWriter.js'
import { RelayProcess } from '../support/relay.js'
import { Chance } from '../support/sessions.js'
import { root } from '../support/tree.js'
import { until } from '../support/until.js'

const KiB = 1024
const MiB = 1024 * KiB
const stallMs = 16_000
const floodMiB = 300
const rowBytes = 60 * KiB
const writers = 10
const documentsEach = 4
// twice what may wait: an update keeps the frame that it came in, and sockets and allocators keep some
const growthMiBMax = 2 * (defaultLimits.backlogBytesHigh / MiB)

test.skipIf(process.platform !== 'linux')(
  `a disk that stalls for ${stallMs / 1_000} s under a flood costs bounded memory, no connection and no edit`,
  async () => {
    const directory = mkdtempSync(join(tmpdir(), 'syncline-stall-'))
    onTestFinished(() => rmSync(directory, { recursive: true }))
    const stall = join(directory, 'stall')
    const slowLog = pathToFileURL(join(root, 'test/process/slow-log.mjs')).href
    const relay = new RelayProcess({ env: { NODE_OPTIONS: `--import=${slowLog}`, SYNCLINE_STALL: stall } })
    await relay.start()
    onTestFinished(() => relay.stop())
    const memory = () => memoryMiB(relay.process.pid!)

    // people, who type all the time
    const states: string[] = []
    const connection = connect(relay.webSocketUrl)
    onTestFinished(() => connection.close())
    connection.on('state', (state) => states.push(state))
    const handle = connection.open('typed here')
    const doc = new Y.Doc()
    const closes: unknown[] = []
    const provider = new WebsocketProvider(`${relay.webSocketUrl}/y`, 'typed there', doc, {
      WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
      disableBc: true,
    })
    onTestFinished(() => provider.destroy())
    provider.on('connection-close', (event) => closes.push(event))
    await handle.synced
    await until('y-websocket to be synced', () => provider.synced)
    let typedInStall = 0
    const typing = setInterval(() => {
      if (existsSync(stall)) typedInStall++
      handle.doc.getText().insert(0, 'a')
      doc.getText().insert(0, 'b')
    }, 50)
    onTestFinished(() => clearInterval(typing))
    await handle.saved()

    const oracle = new Oracle()
    const inFlightMax = Math.ceil((floodMiB * MiB) / rowBytes / writers / documentsEach / 2)
    const flood = Array.from({ length: writers }, (_, writer) => {
      const names = Array.from({ length: documentsEach }, (_, i) => `flood ${writer}.${i}`)
      return new RawWriter(names, { chance: new Chance(writer), witness: oracle, inFlightMax, size: () => rowBytes })
    })
    onTestFinished(() => {
      for (const writer of flood) writer.disconnect()
    })
    const before = memory()
    const statesBefore = states.length
    writeFileSync(stall, '')
    onTestFinished(() => rmSync(stall, { force: true }))
    for (const writer of flood) writer.connect(relay.webSocketUrl)

    let most = 0
    const began = performance.now()
    const isOver = () => {
      most = Math.max(most, memory())
      return performance.now() - began > stallMs // how long it lasts is the subject
    }
    await until('the stall to end', isOver, { timeoutMs: 2 * stallMs })
    expect(oracle.acknowledged).toBe(0)
    // how many those are is this process' own affair, which has a flood to send
    expect(typedInStall).toBeGreaterThan(0)
    expect(handle.status.pending).toBeGreaterThanOrEqual(typedInStall)
    rmSync(stall)

    for (const writer of flood) writer.stop()
    const isSaved = () => flood.every((writer) => writer.isSaved)
    await until('everything to be saved', isSaved, { timeoutMs: 120_000, seen: () => relay.complaints })
    clearInterval(typing)
    await handle.saved()
    const text = doc.getText().toString()
    const reader = connection.open('typed there')
    await until('the rest to be read', () => reader.doc.getText().toString() === text)
    console.info(`${floodMiB} MiB were on their way; the relay had ${before} MiB before, ${most} at most in the stall`)
    expect(most - before).toBeLessThan(growthMiBMax)
    // nobody took anybody for gone
    expect(states.slice(statesBefore)).toEqual([])
    expect(closes).toEqual([])
    expect(await relay.kill('SIGTERM'), relay.complaints.slice(-2000)).toBe(0)
    expect(await oracle.missingOnDisk(relay.dataDirectory)).toEqual([])
  },
  240_000,
)

/** What a process takes of memory. */
function memoryMiB(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Math.round(Number(/VmRSS:\s+(\d+) kB/.exec(status)![1]) / KiB)
}
