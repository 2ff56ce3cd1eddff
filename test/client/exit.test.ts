import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { startRelay } from './world.js'

const run = promisify(execFile)
const folder = fileURLToPath(new URL('.', import.meta.url))

/** Runs a program in a process of its own, with the packages as they were built last. */
function inProcess(program: string): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const source = `import { connect } from '@syncline/client'\n${program}`
  return run(process.execPath, ['--input-type=module', '--eval', source], { cwd: folder, timeout: 10_000 })
}

test('a process that has closed its connection ends by itself, with everything saved', async () => {
  const relay = await startRelay()
  const { stdout, stderr } = await inProcess(`
    const connection = connect('${relay.url}')
    const [a, b] = [connection.open('a'), connection.open('b')]
    await a.synced
    for (const { doc } of [a, b]) doc.getText('text').insert(0, 'written')
    await connection.close()
    console.log(a.status.saved, b.status.saved, connection.state)
  `)
  expect([stdout.trim(), stderr]).toEqual(['true true closed', ''])
})

test('a process ends by itself also where there is no relay', async () => {
  const { stdout, stderr } = await inProcess(`
    const connection = connect('ws://127.0.0.1:1')
    const handle = connection.open('a')
    handle.doc.getText('text').insert(0, 'kept by nobody')
    await connection.close()
    console.log(handle.status.pending, handle.status.saved, connection.state)
  `)
  expect([stdout.trim(), stderr]).toEqual(['1 false closed', ''])
})
