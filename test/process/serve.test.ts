import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { joinNative, joinYWebsocket } from '../support/clients.js'
import { startRelay, synclineBinary } from '../support/relay.js'
import { until, within } from '../support/until.js'

interface Run {
  readonly child: ChildProcess
  readonly said: { out: string; err: string }
  /** waits for the end */
  readonly code: Promise<number | null>
}

/** Runs `syncline` in an empty environment; it ends with the test. */
function syncline(args: readonly string[], env: Readonly<Record<string, string>> = {}): Run {
  const child = spawn(process.execPath, [synclineBinary, ...args], { env, cwd: emptyDirectory() })
  const said = { out: '', err: '' }
  child.stdout.on('data', (bytes) => {
    said.out += bytes
  })
  child.stderr.on('data', (bytes) => {
    said.err += bytes
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  return {
    child,
    said,
    code: within(
      'the process to end',
      once(child, 'close').then(([code]) => code),
    ),
  }
}

function emptyDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'syncline-serve-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

describe('syncline serve', () => {
  test('says in one line of JSON that it is ready, and logs to stderr', async () => {
    const { child, said, code } = syncline(['serve', '--port', '0'])
    await until('the line', () => said.out.endsWith('\n'), { seen: () => said })
    const { event, url } = JSON.parse(said.out)
    expect([event, url]).toEqual(['listening', expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/)])
    expect(await (await fetch(`${url}/healthz`)).json()).toEqual({ status: 'ready' })
    child.kill('SIGTERM')
    expect(await code).toBe(0)
    expect(said.out.trim().split('\n')).toHaveLength(1)
    const lines = said.err
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines.map(({ msg }) => msg)).toEqual([
      'the relay is listening',
      'the relay is stopping',
      'the relay has stopped',
    ])
  })

  test.each(['SIGTERM', 'SIGINT'] as const)('keeps all that it acknowledged on %s, and ends with 0', async (signal) => {
    const relay = await startRelay()
    onTestFinished(() => relay.stop())
    const [writer, y] = [joinNative(relay, 'notes'), joinYWebsocket(relay, 'notes')]
    await Promise.all([writer.synced, y.synced])
    for (let i = 0; i < 200; i++) writer.text.insert(writer.text.length, `${i} `)
    await until('it to be saved', () => writer.handle.status.saved, { seen: () => writer.handle.status })
    const text = writer.text.toString()
    expect(await relay.kill(signal)).toBe(0)
    await Promise.all([writer.leave(), y.leave()])
    await relay.start()
    const reader = joinYWebsocket(relay, 'notes')
    await reader.synced
    expect(reader.text.toString()).toBe(text)
    await reader.leave()
  })

  test.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('ends at once on a second %s', async (signal, exitCode) => {
    const { child, said, code } = syncline(['serve', '--port', '0'])
    await until('the line', () => said.out.endsWith('\n'))
    const socket = new WebSocket(`${JSON.parse(said.out).url.replace('http', 'ws')}/y/notes`)
    onTestFinished(() => socket.terminate())
    await once(socket, 'open')
    socket.pause() // the relay would wait for it for some seconds
    child.kill(signal)
    await until('it to be stopping', () => said.err.includes('is stopping'))
    const start = performance.now()
    child.kill(signal)
    expect(await code).toBe(exitCode)
    expect(performance.now() - start).toBeLessThan(1_500)
  })

  test('takes its settings from the environment, and flags win', async () => {
    const data = emptyDirectory()
    const env = {
      SYNCLINE_PORT: '70000',
      SYNCLINE_DATA: data,
      SYNCLINE_LOG_LEVEL: 'silent',
      SYNCLINE_HOST: 'localhost',
    }
    const wrong = syncline(['serve'], env)
    expect([await wrong.code, wrong.said.err]).toEqual([
      2,
      expect.stringMatching(/^syncline: invalid_option: SYNCLINE_PORT: .+\n$/),
    ])
    const { child, said, code } = syncline(['serve', '--port', '0'], env)
    await until('the line', () => said.out.endsWith('\n'))
    child.kill('SIGTERM')
    expect([await code, said.err]).toEqual([0, ''])
  })

  test.each([
    [['--port', '-1'], /--port/],
    [['--port', '80a'], /--port/],
    [['--log-level', 'loud'], /--log-level: expected one of debug/],
    [['--static', 'nowhere'], /--static/],
    [['--allow-origin', 'app.test'], /--allow-origin/],
    [['--host', '0.0.0.0'], /--host: .*--auth none/],
    [['--host', '::'], /--host: .*--auth none/],
    [['--auth', 'some'], /--auth/],
    [['--nonsense'], /--nonsense/],
    [['surplus'], /too many arguments/],
  ])('refuses %j in one line, with 2', async (args, reason) => {
    const { said, code } = syncline(['serve', '--port', '0', ...args])
    expect(await code).toBe(2)
    expect(said.err).toMatch(/^syncline: invalid_option: [^\n]+\n$/)
    expect(said.err).toMatch(reason)
    expect(said.out).toBe('')
  })

  test('listens for everyone where it is told that it asks nobody who they are', async () => {
    const { child, said, code } = syncline(['serve', '--port', '0', '--host', '0.0.0.0', '--auth', 'none'])
    await until('the line', () => said.out.endsWith('\n'), { seen: () => said })
    expect(JSON.parse(said.out).url).toMatch(/^http:\/\/localhost:\d+$/)
    child.kill('SIGTERM')
    expect(await code).toBe(0)
  })

  test('says what is in its way, and ends with 1', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    onTestFinished(() => void other.close())
    await once(other, 'listening')
    const port = String((other.address() as AddressInfo).port)
    const taken = syncline(['serve', '--port', port, '--log-level', 'silent'])
    expect([await taken.code, taken.said.err]).toEqual([1, expect.stringMatching(/^syncline: EADDRINUSE: [^\n]+\n$/)])

    const data = emptyDirectory()
    const first = syncline(['serve', '--port', '0', '--data', data])
    await until('the first to listen', () => first.said.out.endsWith('\n'))
    const second = syncline(['serve', '--port', '0', '--data', data, '--log-level', 'silent'])
    expect([await second.code, second.said.err]).toEqual([
      1,
      expect.stringMatching(/^syncline: data_in_use: [^\n]+\n$/),
    ])
  })

  test('serves a web application beside the documents', async () => {
    const directory = emptyDirectory()
    mkdirSync(join(directory, 'assets'))
    writeFileSync(join(directory, 'index.html'), '<!doctype html><title>Application</title>')
    writeFileSync(join(directory, 'assets', 'index-DiwrgTda.js'), 'export {}')
    const relay = await startRelay({ args: ['--static', directory] })
    onTestFinished(() => relay.stop())
    const index = await fetch(relay.url)
    expect([index.status, index.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
    const script = await fetch(`${relay.url}/assets/index-DiwrgTda.js`)
    expect(script.headers.get('content-type')).toMatch(/^text\/javascript/)
    const person = joinNative(relay, 'notes')
    await person.synced
    await person.leave()
  })
})

describe('syncline', () => {
  test('says which version it is, and how it is used', async () => {
    const version = syncline(['--version'])
    expect([await version.code, version.said.out]).toEqual([0, expect.stringMatching(/^\d+\.\d+\.\d+\n$/)])
    const help = syncline(['serve', '--help'])
    expect(await help.code).toBe(0)
    for (const flag of ['--port', '--host', '--data', '--log-level', '--static', '--allow-origin', '--auth']) {
      expect(help.said.out).toContain(flag)
    }
    expect(help.said.out).toContain('SYNCLINE_LOG_LEVEL')
    const nothing = syncline([])
    expect([await nothing.code, nothing.said.err]).toEqual([2, expect.stringContaining('Usage: syncline')])
  })
})
