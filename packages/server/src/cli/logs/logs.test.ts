import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SynclineError } from '@syncline/protocol'
import { expect, onTestFinished, test } from 'vitest'
import { createLogger, type LogFields } from '../../logger.js'
import { hiddenName, hidingNames, nameKeyOf } from './names.js'
import { logText } from './text.js'

const key = Buffer.alloc(32, 7)

function lineOf(fields: LogFields, hides = false): string {
  const lines: string[] = []
  const logger = createLogger('info', (line) => lines.push(line))
  const used = hides ? hidingNames(logger, key) : logger
  used.warn(fields, 'it happened')
  return lines.join('')
}

test('on a terminal a line says when, how grave, what, and its fields', () => {
  const json = lineOf({ event: 'some_event', bytes: 7, reason: 'a reason of "words"' })
  expect(logText(json, false)).toMatch(
    /^\d\d:\d\d:\d\d\.\d{3} {2}warn {3}it happened {2}event=some_event bytes=7 reason="a reason of \\"words\\""\n$/,
  )
  expect(logText(json, true)).toContain('\u001b[33mwarn \u001b[0m')
})

test('what strangers sent does nothing to a terminal, and a stack stands below', () => {
  const text = logText(lineOf({ document: 'a\u001b[2Jb\nc', error: new TypeError('x') }), false)
  expect(text).not.toMatch(/\u001b|\nc/)
  expect(text).toMatch(/\n {4}TypeError: x\n {4} +at /)
})

test('names are hashes where they are to be, also within a reason', () => {
  const error = new SynclineError('no_document', 'There is no notes/7 of ada')
  const line = lineOf({ document: 'notes/7', subject: 'ada', error }, true)
  expect(line).not.toMatch(/notes|ada/)
  expect(line).toContain(hiddenName(key, 'notes/7'))
  expect(hiddenName(key, 'notes/7')).toMatch(/^#[0-9a-f]{16}$/)
  expect(hiddenName(Buffer.alloc(32, 8), 'notes/7')).not.toBe(hiddenName(key, 'notes/7'))
})

test('the key of a directory stays the same, and is its owner’s', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'syncline-names-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const [first, second] = await Promise.all([nameKeyOf(directory), nameKeyOf(directory)])
  expect(second).toEqual(first)
  expect(first).toHaveLength(32)
  if (process.platform !== 'win32') expect(statSync(join(directory, 'log-names.key')).mode & 0o077).toBe(0)
})
