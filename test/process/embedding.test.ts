import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { readText, root } from '../support/tree.js'
import { until, within } from '../support/until.js'

/** Where the packages of this repository are found, and nothing is committed. */
const scratch = join(root, 'node_modules', '.syncline')

test('the example of an application that embeds the relay runs as it is printed', async () => {
  const example = /## Embed it[\s\S]*?```js\n([\s\S]*?)```/.exec(readText('packages/server/README.md'))?.[1]
  mkdirSync(scratch, { recursive: true })
  const directory = mkdtempSync(join(scratch, 'embedding-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  writeFileSync(join(directory, 'server.mjs'), example ?? '')

  const child = spawn(process.execPath, ['server.mjs'], { cwd: directory, env: { PORT: '0' } })
  onTestFinished(() => void child.kill('SIGKILL'))
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes) => {
      said += bytes
    })
  }
  await until('the application to listen', () => /port \d+\n/.test(said), { seen: () => said })
  const port = /port (\d+)/.exec(said)?.[1]
  expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('Hello from the application')

  const person = () =>
    new WebsocketProvider(`ws://127.0.0.1:${port}/y`, 'notes', new Y.Doc(), {
      WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
      disableBc: true,
    })
  const [a, b] = [person(), person()]
  onTestFinished(() => {
    for (const provider of [a, b]) provider.destroy()
  })
  a.doc.getText().insert(0, 'hello')
  await until('the other one to see it', () => b.doc.getText().toString() === 'hello')

  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  expect(await within('the application to end', ended)).toEqual([0, null])
})
