import { SynclineError } from '@syncline/protocol'
import { expect, test } from 'vitest'
import { createLogger, type LogFields } from './logger.js'

function logged(fields: LogFields): Record<string, unknown> {
  const lines: string[] = []
  createLogger('info', (line) => lines.push(line)).warn(fields, 'it happened')
  return JSON.parse(lines.join(''))
}

test('a line of JSON says when, how grave and what', () => {
  expect(logged({ session: 7, document: 'notes' })).toEqual({
    level: 'warn',
    time: expect.stringMatching(/^\d{4}-.*Z$/),
    session: 7,
    document: 'notes',
    msg: 'it happened',
  })
})

test('what strangers sent stays short and on its line', () => {
  const { document } = logged({ document: `a\nb${'x'.repeat(10_000)}` })
  expect(document).toMatch(/^a\nbx{197}…$/)
})

test('tokens in queries are redacted, wherever they come up', () => {
  const line = logged({ url: '/y/notes?token=secret&b=1', error: new Error('GET "/sync?token=secret" failed') })
  expect(JSON.stringify(line)).not.toContain('secret')
  expect(line.url).toBe('/y/notes?…')
})

test('an error becomes its code and reason; a stack is for our bugs', () => {
  const theirs = logged({ error: new SynclineError('malformed_frame', 'Byte 7') })
  expect(theirs).toMatchObject({ code: 'malformed_frame', reason: expect.stringContaining('Byte 7') })
  expect(theirs).not.toHaveProperty('stack')
  expect(logged({ error: new TypeError('x is undefined') })).toMatchObject({
    code: 'internal',
    stack: expect.any(String),
  })
})

test('objects are left out: nobody knows what they hold', () => {
  expect(logged({ request: { headers: { cookie: 'secret' } } })).not.toHaveProperty('request')
})
