import { join } from 'node:path'
import { build } from 'esbuild'
import { root, run } from './prepare.mjs'

/**
 * Bundles programs of test/ for Node, whose packages stay outside, and runs the one that is called `main`.
 *
 * @param {string} name of the folder that they are put into
 * @param {Record<string, string>} entryPoints source files by the names of the programs
 * @param {string[]} [args]
 * @returns {Promise<number>} its exit code
 */
export async function runBundled(name, entryPoints, args = []) {
  const outdir = join(root, 'node_modules', '.syncline', name)
  await build({
    entryPoints,
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'error',
  })
  return run(process.execPath, [join(outdir, 'main.mjs'), ...args])
}
