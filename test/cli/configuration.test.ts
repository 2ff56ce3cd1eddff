import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createProgram, serveSettings } from '../../packages/server/src/cli/options.js'
import { readText } from '../support/tree.js'
import { emptyDirectory, ended, startSyncline } from './support.js'

test('`syncline config` tells what is in force and from where, and no secret', async () => {
  const directory = emptyDirectory()
  const file = join(directory, 'relay.json')
  const settings = { port: 8080, authorizeUrl: 'https://me:hush@app.test/ask?key=hush' }
  writeFileSync(file, JSON.stringify(settings))
  const json = await ended(startSyncline('config', '--config', file, '--host', '::1', '--json'))
  expect(json).toMatchObject({ code: 0, err: '' })
  expect(json.out).not.toContain('hush')
  const told = JSON.parse(json.out)
  expect(told.file).toBe(file)
  expect(told.settings).toEqual(
    expect.arrayContaining([
      { name: 'port', value: '8080', from: 'file', at: file },
      { name: 'authorizeUrl', value: 'https://…@app.test/ask?…', from: 'file', at: file },
      { name: 'host', value: '::1', from: 'flag' },
      { name: 'data', value: './data', from: 'default' },
    ]),
  )

  const wrong = await ended(startSyncline('config', '--config', file, '--auth', 'jwt'))
  expect(wrong).toMatchObject({ code: 2, err: expect.stringContaining('invalid_option: --auth: jwt needs one of') })
  expect(wrong.out).toMatch(/^port +8080 +file .*relay\.json$/m)
})

test('every command finds the data directory that the file names', async () => {
  const directory = emptyDirectory()
  const file = join(directory, 'relay.json')
  writeFileSync(file, JSON.stringify({ data: 'documents', port: 1 }))
  const listed = await ended(startSyncline('doc', 'list', '--config', file))
  expect([listed.code, listed.err]).toEqual([2, expect.stringContaining(join(directory, 'documents'))])
})

test('the README has a row for every setting: its flag, its variable, its default', () => {
  const text = readText('packages/server/README.md')
  const table = text.slice(text.indexOf('| flag | environment | default |')).split('\n\n')[0]!
  const cells = (line: string) => line.split('|').map((cell) => cell.trim().replaceAll('`', ''))
  const rows = table
    .split('\n')
    .slice(2)
    .map(cells)
    .map(([, flag, variable, byDefault]) => ({ flag, variable, byDefault }))
  const settings = serveSettings()
  expect(rows.map(({ flag }) => flag).toSorted()).toEqual(settings.map(({ long }) => long).toSorted())
  for (const { long, envVar, defaultValue } of settings) {
    const row = rows.find(({ flag }) => flag === long)!
    expect(row.variable).toBe(envVar)
    if (defaultValue !== undefined) expect(row.byDefault).toBe(String(defaultValue))
  }
})

test('the help shows every command in a group, and every setting of serve', () => {
  const program = createProgram(async () => {})
  const help = program.helpInformation()
  for (const command of program.commands) expect(help).toMatch(new RegExp(`^ {2}${command.name()}\\b`, 'm'))
  const ungrouped = /^Commands:\n((?: {2}.*\n)*)/m.exec(help)?.[1] ?? ''
  expect(ungrouped).toMatch(/^ {2}help .*\n$/)
})

test('every command prints JSON, and nothing else, with --json', async () => {
  const program = createProgram(async () => {})
  const leaves = program.commands.flatMap((command) => (command.commands.length > 0 ? command.commands : [command]))
  const without = leaves.filter((command) => !command.options.some(({ long }) => long === '--json'))
  // one prints when it listens, the other prints documents
  expect(without.map((command) => command.name()).toSorted()).toEqual(['export', 'serve'])

  const data = ['--data', join(emptyDirectory(), 'data'), '--json']
  const file = join(emptyDirectory(), 'notes.json')
  writeFileSync(file, JSON.stringify({ format: 1, roots: { title: { type: 'text', delta: [{ insert: 'Hello' }] } } }))
  const secret = join(emptyDirectory(), 'secret.txt')
  writeFileSync(secret, 'a secret of more than thirty-two bytes')
  const runs: readonly (readonly [code: number, keys: readonly string[], ...args: string[]])[] = [
    [0, ['bytes', 'isNew', 'name', 'position'], 'doc', 'import', 'notes', '--format', 'json', '--file', file, ...data],
    [0, ['compacted', 'name'], 'doc', 'compact', 'notes', ...data],
    [0, ['deleted', 'name'], 'doc', 'delete', 'notes', '--yes', ...data],
    [0, ['created', 'name'], 'doc', 'create', 'notes', ...data],
    [0, ['sessions'], 'revoke', '--subject', 'ada', ...data],
    [1, ['running'], 'status', ...data],
    [0, ['token'], 'token', '--subject', 'ada', '--document', 'a:read', '--jwt-secret-file', secret, '--json'],
  ]
  for (const [code, keys, ...args] of runs) {
    const said = await ended(startSyncline(...args))
    expect([args.slice(0, 2), said.code, said.err]).toEqual([args.slice(0, 2), code, ''])
    expect(Object.keys(JSON.parse(said.out)).toSorted()).toEqual(keys)
  }
  const failed = await ended(startSyncline('doc', 'delete', 'nobody', '--yes', ...data))
  expect(failed).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/^syncline: no_document: /) })
})
