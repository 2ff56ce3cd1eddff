/**
 * `npm run abuse:peers` sends the cases of SECURITY.md to the servers of test/bench/peers, and prints what came of each.
 * It asks the npm registry for them, once.
 */
import { join } from 'node:path'
import { installPeers } from './peers.mjs'
import { build, install, requireNode, root } from './prepare.mjs'

requireNode()
await install()
await build()
await installPeers()
const { runBundled } = await import('./bundled.mjs')
process.exitCode = await runBundled('abuse', { main: join(root, 'test', 'abuse', 'peers', 'main.ts') })
