import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { connect } from '@syncline/client'
import { expect, onTestFinished, test } from 'vitest'
import { syncline } from '../cli/syncline.js'
import { readFresh } from '../crash/reader.js'
import { RelayProcess } from '../support/relay.js'
import { root } from '../support/tree.js'
import { until } from '../support/until.js'

test('who is ahead of a restored backup calls nothing saved before the relay has it again', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'syncline-restored-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const [data, backup, again, stall] = ['data', 'backup', 'again', 'stall'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
    string,
  ]
  const relay = new RelayProcess({ dataDirectory: data })
  await relay.start()
  const connection = connect(relay.webSocketUrl, { retryMsMax: 50 })
  onTestFinished(() => connection.close())
  const notes = connection.open('notes')
  await notes.synced
  const type = (text: string) => {
    notes.doc.getText().insert(notes.doc.getText().length, text)
    return notes.saved()
  }
  await type('in the backup')
  expect((await syncline(['backup', backup, '--data', data])).code).toBe(0)
  await type(', and after it')
  expect(notes.status).toMatchObject({ saved: true, pending: 0 })
  await relay.kill('SIGKILL')
  await until('the connection to break', () => connection.state !== 'online')

  expect((await syncline(['restore', backup, '--data', again])).code).toBe(0)
  const slowLog = pathToFileURL(join(root, 'test/process/slow-log.mjs')).href
  const env = { NODE_OPTIONS: `--import=${slowLog}`, SYNCLINE_STALL: stall }
  writeFileSync(stall, '') // it reads, and its first commit waits
  const restored = new RelayProcess({ dataDirectory: again, port: relay.port, env })
  await restored.start()
  onTestFinished(() => restored.stop())
  await until('the client to be back and synced', () => connection.state === 'online' && notes.status.synced)
  expect(notes.status).toMatchObject({ saved: false, pending: 1 })
  let isSaved = false
  const saved = notes.saved().then(() => {
    isSaved = true
  })
  const heard = notes.status
  expect((await readFresh(restored.webSocketUrl, 'notes')).getText().toString()).toBe('in the backup')
  expect([isSaved, heard.saved]).toEqual([false, false])
  rmSync(stall)
  await saved
  expect(notes.status).toMatchObject({ saved: true, pending: 0 })
  await restored.restart()
  const text = 'in the backup, and after it'
  expect((await readFresh(restored.webSocketUrl, 'notes')).getText().toString()).toBe(text)
})
