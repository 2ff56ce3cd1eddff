/**
 * `npm run bench`: installs, builds, and runs test/bench/main.ts on a core of its own. The servers that ours is compared
 * with are installed here, once, and by nothing else; where that fails, or with `--quick`, it goes on without them.
 */
import { join } from 'node:path'
import { build as bundle } from 'esbuild'
import { installPeers } from './peers.mjs'
import { build, install, requireNode, root, run } from './prepare.mjs'

const args = process.argv.slice(2)
const source = join(root, 'test', 'bench')
const output = join(root, 'node_modules', '.syncline', 'bench')

requireNode()
await install()
await build()
if (!args.includes('--quick') && !args.includes('--url')) await installPeers()
await bundle({
  entryPoints: { main: join(source, 'main.ts'), forwarder: join(source, 'servers', 'forwarder.ts') },
  outdir: output,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  packages: 'external',
  platform: 'node',
  format: 'esm',
  target: 'node20',
  logLevel: 'error',
})
process.exitCode = await run(process.execPath, [join(output, 'main.mjs'), ...args])
