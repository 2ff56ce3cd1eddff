import { execFileSync, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { emptyDirectory } from '../cli/support.js'
import { readText } from '../support/tree.js'
import { local, pass, startEndpoint, startRelay, webhookSecret } from './support.js'

const page = readText('docs/BACKENDS.md')
const snippet = (language: string) =>
  new RegExp(`\`\`\`${language}\\n(# Python|// Node)([\\s\\S]*?)\`\`\``).exec(page)![2]!
const hasPython = spawnSync('python3', ['--version']).status === 0

/** What the relay signs, and the same with another body. */
async function requests() {
  const endpoint = await startEndpoint()
  const { relay, clock } = startRelay({ webhooks: [local(endpoint)] })
  await relay.document('notes').transact((doc) => doc.getText('body').insert(0, 'Zoë'))
  await pass(clock, 0, 'it to be told', () => endpoint.told.length === 1)
  const { headers, body } = endpoint.told[0]!
  const late = { ...headers, 'webhook-timestamp': String(Number(headers['webhook-timestamp']) - 600) }
  return [
    { headers, body },
    { headers, body: body.replace('notes', 'other') },
    { headers: late, body },
  ].map((request) => ({ ...request, secret: webhookSecret }))
}

describe('what docs/BACKENDS.md says about signatures', () => {
  test('holds in Node', async () => {
    const file = join(emptyDirectory(), 'verify.mjs')
    writeFileSync(file, snippet('js'))
    const { verify } = await import(/* @vite-ignore */ file)
    expect((await requests()).map(({ secret, headers, body }) => verify(secret, headers, body))).toEqual([
      true,
      false,
      false,
    ])
  })

  test.skipIf(!hasPython)('holds in Python', async () => {
    const file = join(emptyDirectory(), 'verify.py')
    const main = `
import json, sys
for request in json.load(sys.stdin):
    print(verify(request["secret"], request["headers"], request["body"].encode()))
`
    writeFileSync(file, snippet('python') + main)
    const input = JSON.stringify(await requests())
    expect(execFileSync('python3', [file], { input }).toString()).toBe('True\nFalse\nFalse\n')
  })
})
