/**
 * `npm run abuse:peers` sends the cases of SECURITY.md to the servers of test/bench/peers, and prints what came of each.
 * It asks the npm registry for them, once.
 */
import { join } from 'node:path'
import { build as bundle } from 'esbuild'
import { installPeers } from './peers.mjs'
import { build, install, requireNode, root, run } from './prepare.mjs'

const output = join(root, 'node_modules', '.syncline', 'abuse')

requireNode()
await install()
await build()
await installPeers()
await bundle({
  entryPoints: { main: join(root, 'test', 'abuse', 'peers', 'main.ts') },
  outdir: output,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  packages: 'external',
  platform: 'node',
  format: 'esm',
  target: 'node20',
  logLevel: 'error',
})
process.exitCode = await run(process.execPath, [join(output, 'main.mjs')])
