import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { createProgram, type ServeOptions } from '../options.js'
import { readConfigFile } from './file.js'

function emptyDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'syncline-config-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** What `syncline serve` is asked for, with this file, these variables and these flags. */
async function served(file: object | string, flags: readonly string[] = []): Promise<ServeOptions> {
  const path = join(emptyDirectory(), 'some.json')
  writeFileSync(path, typeof file === 'string' ? file : JSON.stringify(file))
  let asked: ServeOptions | null = null
  const program = createProgram(async (options) => {
    asked = options
  })
  await program.parseAsync(['node', 'syncline', 'serve', '--config', path, ...flags])
  return asked!
}

const refused = (message: RegExp) =>
  expect.objectContaining({ code: 'invalid_option', message: expect.stringMatching(message) })

afterEach(() => vi.unstubAllEnvs())

describe('settings', () => {
  test('are those of the flag, else of the environment, else of the file, else the defaults', async () => {
    vi.stubEnv('SYNCLINE_PORT', '2')
    vi.stubEnv('SYNCLINE_LOG_LEVEL', 'warn')
    const file = { port: 3, logLevel: 'error', host: '::1' }
    expect(await served(file, ['--port', '1'])).toMatchObject({ port: 1, logLevel: 'warn', host: '::1' })
    expect(await served(file)).toMatchObject({ port: 2, metricsPort: null, data: './data' })
  })

  test('may be lists in the file, limits an object', async () => {
    const file = { allowOrigin: ['https://a.test', 'https://b.test'], limit: { updateBytesMax: '1MiB' }, trustProxy: 2 }
    expect(await served(file)).toMatchObject({
      allowOrigins: file.allowOrigin,
      limits: { updateBytesMax: 2 ** 20 },
      trustProxy: 2,
    })
  })

  test('that are paths are relative to the file', async () => {
    expect((await served({ data: 'documents' })).data).toMatch(/syncline-config-.*documents$/)
    expect((await served({ data: '/somewhere' })).data).toBe('/somewhere')
  })

  test.each([
    [{ prot: 1 }, /^prot in .*some\.json: there is no such setting; is port meant\?/],
    [{ 'log-level': 'info' }, /is logLevel meant\?/],
    [{ jwtSecret: 'hush' }, /^jwtSecret in (?!.*hush)/],
    [{ colour: 'blue' }, /^colour in .*: there is no such setting(?!;)/],
    [{ port: 70_000 }, /^port in .*some\.json: expected a number from 0 to 65535/],
    [{ port: [1, 2] }, /^port in .*: expected one value/],
    [{ port: null }, /^port in .*: expected a text/],
    [{ limit: { sessionsMax: 1 } }, /^limit in .*: there is no limit of the name "sessionsMax"/],
    [[], /expected an object of settings/],
    ['{', /some\.json: .*JSON/],
  ])('%j is refused: it names the key and the file', async (file, message) => {
    await expect(served(file)).rejects.toEqual(refused(message))
  })

  test('of the environment are refused by the name of their variable', async () => {
    vi.stubEnv('SYNCLINE_LOG_LEVEL', 'loud')
    await expect(served({})).rejects.toEqual(refused(/^SYNCLINE_LOG_LEVEL: expected one of debug/))
  })
})

describe('the file of settings', () => {
  test('is the one in the working directory where none is named', async () => {
    const directory = emptyDirectory()
    expect(await readConfigFile(undefined, directory)).toBeNull()
    writeFileSync(join(directory, 'syncline.config.mjs'), 'export default { port: 40 + 2 }')
    expect(await readConfigFile(undefined, directory)).toEqual({
      path: join(directory, 'syncline.config.mjs'),
      directory,
      values: { port: 42 },
    })
    writeFileSync(join(directory, 'syncline.config.json'), '{}')
    await expect(readConfigFile(undefined, directory)).rejects.toEqual(
      refused(/Keep one of syncline\.config\.json and syncline\.config\.mjs/),
    )
  })

  test('that is named and not there, or of a kind that nobody reads, is refused', async () => {
    const directory = emptyDirectory()
    await expect(readConfigFile('none.json', directory)).rejects.toEqual(refused(/none\.json: there is no such file/))
    writeFileSync(join(directory, 'some.yaml'), 'port: 1')
    await expect(readConfigFile('some.yaml', directory)).rejects.toEqual(refused(/expected a name that ends with/))
  })

  test('in TypeScript is read where Node can, and refused with the way out where it cannot', async () => {
    const directory = emptyDirectory()
    writeFileSync(join(directory, 'some.mts'), 'export default { port: 42 as number }')
    const reading = readConfigFile('some.mts', directory)
    if ((process.features as { typescript?: unknown }).typescript) {
      expect(await reading).toMatchObject({ values: { port: 42 } })
    } else await expect(reading).rejects.toEqual(refused(/TypeScript needs 22\.18 or newer; name it \.mjs or \.json/))
  })
})
