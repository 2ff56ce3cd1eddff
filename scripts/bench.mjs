/**
 * `npm run bench`: installs, builds, and runs test/bench/main.ts on a core of its own. The servers that ours is compared
 * with are installed here, once, and by nothing else; where that fails, or nobody asks for them, it goes on without them.
 */
import { join } from 'node:path'
import { installPeers } from './peers.mjs'
import { build, install, requireNode, root } from './prepare.mjs'

const args = process.argv.slice(2)
const asked = args[args.indexOf('--servers') + 1]
const isOursAlone =
  args.includes('--url') || (args.includes('--servers') && !/hocuspocus|websocket|\+/i.test(asked ?? ''))
const source = join(root, 'test', 'bench')

requireNode()
await install()
await build()
if (!isOursAlone) await installPeers()
// esbuild is there by now, and not before
const { runBundled } = await import('./bundled.mjs')
const programs = { main: join(source, 'main.ts'), forwarder: join(source, 'servers', 'forwarder.ts') }
process.exitCode = await runBundled('bench', programs, args)
