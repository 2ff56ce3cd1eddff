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
