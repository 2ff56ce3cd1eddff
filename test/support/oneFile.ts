import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build, type Plugin } from 'esbuild'
import { root } from './tree.js'

const server = join(root, 'packages/server')

/**
 * For a run of Vitest: makes a few files of the some 600 of the command `syncline` as it was built last, and so it starts in
 * half of the time, and takes half of the work: tests start it hundreds of times. They find it by `SYNCLINE_ONE_FILE`.
 *
 * @returns what takes the files away
 */
export default async function makeOneFile(): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), 'syncline-one-file-'))
  await build({
    entryPoints: { syncline: join(server, 'bin/syncline.js'), worker: join(server, 'dist/compaction/worker.js') },
    outdir: directory,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'warning',
    plugins: [inItsPlace(pathToFileURL(join(directory, 'worker.mjs')).href)],
    // of what is not written as modules
    banner: {
      js: "import { createRequire as requireFor } from 'node:module'; const require = requireFor(import.meta.url)",
    },
  })
  process.env.SYNCLINE_ONE_FILE = join(directory, 'syncline.mjs')
  return () => rm(directory, { recursive: true, force: true })
}

/** What a module finds by where it is, it finds from there as before. */
function inItsPlace(worker: string): Plugin {
  const { resolve } = createRequire(join(server, 'package.json'))
  return {
    name: 'in its place',
    setup({ onLoad, onResolve }) {
      // it finds its native part by its own place
      onResolve({ filter: /^classic-level$/ }, ({ path }) => ({ path: resolve(path), external: true }))
      onLoad({ filter: /packages.server.dist.*\.js$/ }, async ({ path }) => ({
        contents: (await readFile(path, 'utf8'))
          .replace("import.meta.resolve('#compaction-worker')", JSON.stringify(worker))
          .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href)),
      }))
    },
  }
}
