import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startRelay } from '../support/relay.js'
import { filesMatching, packageNames, root } from '../support/tree.js'

/** Runs a program in the project of somebody who uses the packages. Rejects with what it printed. */
async function run(command: string, args: readonly string[], cwd = project): Promise<string> {
  const shell = process.platform === 'win32' // npm is a .cmd file there
  const { stdout } = await promisify(execFile)(command, args, { cwd, shell, maxBuffer: 2 ** 26 }).catch((error) => {
    throw new Error(`${command} ${args.join(' ')}: ${error.stdout}${error.stderr}`)
  })
  return stdout
}

const runNode = (...args: string[]) => run(process.execPath, args)

let project = ''
/** per package, the paths in its tarball */
const packed = new Map<string, string[]>()

beforeAll(async () => {
  project = mkdtempSync(join(tmpdir(), 'syncline-pack-'))
  const tarballs: string[] = []
  for (const name of packageNames) {
    const output = await run('npm', ['pack', '--json', '--pack-destination', project], join(root, 'packages', name))
    const [{ filename, files }] = JSON.parse(output)
    tarballs.push(`./${filename}`)
    packed.set(name, files.map(({ path }: { path: string }) => path).sort())
  }
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'somebody', private: true, type: 'module' }))
  const options = ['--prefer-offline', '--no-audit', '--no-fund']
  await run('npm', [
    'install',
    ...options,
    ...tarballs,
    'yjs@^13.6.33',
    'react@19',
    '@types/react@19',
    '@types/node@20',
  ])
}, 240_000)

afterAll(() => rmSync(project, { recursive: true, force: true }))

describe.each(packageNames)('the tarball of @syncline/%s', (name) => {
  test('has code, types, sources, licence and a page', () => {
    const wanted = ['LICENSE', 'README.md', 'dist/index.d.ts', 'dist/index.js', 'package.json', 'src/index.ts']
    expect(packed.get(name)).toEqual(expect.arrayContaining(wanted))
  })

  test('has no tests, nothing that builds leave, and nothing built from a source that is gone', () => {
    const files = packed.get(name)!
    expect(files.filter((path) => /\.test\.|\/testing\/|tsbuildinfo|tsconfig|node_modules|\.tgz$/.test(path))).toEqual(
      [],
    )
    const sources = new Set(filesMatching(new RegExp(`^packages/${name}/src/`)).map((path) => path.split('/src/')[1]))
    const built = files.filter((path) => /^dist\/.*\.js$/.test(path))
    const gone = built.filter((path) => !sources.has(path.replace(/^dist\//, '').replace(/js$/, 'ts')))
    expect(gone).toEqual([])
  })
})

describe('in an empty project', () => {
  test('every package can be imported, and there is one Yjs', async () => {
    writeFileSync(
      join(project, 'import.mjs'),
      `for (const name of ${JSON.stringify(packageNames)}) {
        console.log(name, Object.keys(await import('@syncline/' + name)).length > 0)
      }`,
    )
    expect(await runNode('import.mjs')).toBe('protocol true\nclient true\nreact true\nserver true\n')
    expect(existsSync(join(project, 'node_modules/@syncline/client/node_modules/yjs'))).toBe(false)
    expect(existsSync(join(project, 'node_modules/@syncline/server/node_modules/yjs'))).toBe(false)
  })

  /** Compiles a file with the compiler of this repository, the types of libraries too; throws with its errors. */
  async function compile(file: string, source: string, compilerOptions: object): Promise<void> {
    writeFileSync(join(project, file), source)
    const strict = {
      noEmit: true,
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      target: 'es2022',
    }
    const config = { compilerOptions: { ...strict, ...compilerOptions }, files: [file] }
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(config))
    await runNode(join(root, 'node_modules/typescript/bin/tsc'), '-p', '.')
  }

  test('the types serve a program for Node', async () => {
    const source = `
      import { connect, type DocumentHandle } from '@syncline/client'
      import { defaultLimits, SynclineError } from '@syncline/protocol'
      import { Relay } from '@syncline/server'
      export const handle: DocumentHandle = connect('ws://127.0.0.1:1').open('notes')
      export const pending: number = handle.status.pending
      export const bytes: number = defaultLimits.frameBytesMax
      export const parts = [Relay, SynclineError]
      // @ts-expect-error an options object, not a number: the types are there, not any
      connect('ws://127.0.0.1:1', 1)
    `
    await compile('node.ts', source, { module: 'nodenext', types: ['node'] })
  })

  test('the types of the client serve a program for browsers, without those of Node', async () => {
    const source = `
      import { connect } from '@syncline/client'
      const { doc, awareness, status } = connect('wss://example.org').open('notes')
      export const shown: [string, number, boolean] = [doc.getText().toString(), awareness.clientID, status.saved]
      // @ts-expect-error there is no such property: the types are there, not any
      status.ready
    `
    const browser = { module: 'esnext', moduleResolution: 'bundler', lib: ['es2022', 'dom'], types: [] }
    await compile('browser.ts', source, browser)
  })

  test('the types of the hooks serve a program with React', async () => {
    const source = `
      import { SynclineProvider, useAwareness, useDocument, useShared, useStatus, useSuspenseDocument } from '@syncline/react'
      import type * as Y from 'yjs'
      export function Notes(): string {
        const handle = useDocument('notes')
        const saved: boolean | undefined = useStatus(handle)?.saved
        const names: readonly unknown[] = useAwareness(handle, (peers) => peers.map(({ state }) => state.name))
        const text: string | undefined = useShared(handle?.doc.getText('text'))
        const doc: Y.Doc = useSuspenseDocument('cards', { until: 'synced' }).doc
        const cards: Readonly<Record<string, readonly number[]>> = useShared(doc.getMap<Y.Array<number>>('cards'))
        const count: number = useShared(doc.getMap('cards'), (all) => Object.keys(all).length)
        // @ts-expect-error what it gives is immutable
        cards.a = []
        return [saved, names, text, cards, count].join()
      }
      export const page = SynclineProvider({ url: 'wss://example.org', children: null })
      // @ts-expect-error a connection or a url, not both
      SynclineProvider({ url: 'wss://example.org', connection: {} })
    `
    await compile('react.ts', source, {
      module: 'esnext',
      moduleResolution: 'bundler',
      lib: ['es2022', 'dom'],
      types: [],
    })
  })

  test('syncline runs, a client saves a sentence, another one reads it', async () => {
    const relay = await startRelay({ binary: join(project, 'node_modules/@syncline/server/bin/syncline.js') })
    try {
      writeFileSync(
        join(project, 'write.mjs'),
        `import { connect } from '@syncline/client'
        const connection = connect(process.argv[2])
        const notes = connection.open('notes')
        notes.doc.getText().insert(0, 'kept')
        await notes.saved()
        await connection.close()`,
      )
      writeFileSync(
        join(project, 'read.mjs'),
        `import { connect } from '@syncline/client'
        const connection = connect(process.argv[2])
        const notes = connection.open('notes')
        await notes.synced
        console.log(notes.doc.getText().toString())
        await connection.close()`,
      )
      await runNode('write.mjs', relay.webSocketUrl)
      expect(await runNode('read.mjs', relay.webSocketUrl)).toBe('kept\n')
    } finally {
      await relay.stop()
    }
  })

  test('documents are compacted, on a thread that the package brings', async () => {
    writeFileSync(
      join(project, 'compact.mjs'),
      `import { createServer } from 'node:http'
      import { connect } from '@syncline/client'
      import { MemoryLog, Relay } from '@syncline/server'
      const server = createServer()
      const relay = new Relay(new MemoryLog())
      relay.attach(server)
      await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
      const connection = connect('http://127.0.0.1:' + server.address().port)
      const notes = connection.open('notes')
      const text = notes.doc.getText()
      while (relay.stats().compactions === 0) {
        text.delete(0, text.length)
        text.insert(0, 'x'.repeat(20_000))
        await notes.saved()
      }
      await connection.close()
      await relay.close()
      server.close()
      const { compactionMismatches, compactionFailures } = relay.stats()
      console.log(compactionMismatches, compactionFailures)`,
    )
    expect(await runNode('compact.mjs')).toBe('0 0\n')
  })

  test('the binary is on the path of npx and says its version', async () => {
    expect(await run('npx', ['--no', 'syncline', '--version'])).toMatch(/^\d+\.\d+\.\d+\s*$/)
  })
})
