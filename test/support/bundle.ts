import { basename, join } from 'node:path'
import { build } from 'esbuild'
import { root } from './tree.js'

/**
 * Makes one file of a program that a test runs as a process of its own, from the sources, so that no stale build is
 * tested.
 *
 * @param entry from the top of the repository, such as `test/crash/log-process.ts`
 * @returns where it is
 */
export async function bundleProgram(entry: string): Promise<string> {
  const outfile = join(root, 'node_modules/.syncline', `${basename(entry, '.ts')}.mjs`)
  await build({
    entryPoints: [join(root, entry)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['level'], // it is native, and a test may look into it
    alias: { '@syncline/protocol': join(root, 'packages/protocol/src/index.ts') },
    // of what is not written as modules
    banner: {
      js: "import { createRequire as requireFor } from 'node:module'; const require = requireFor(import.meta.url)",
    },
  })
  return outfile
}
