import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, run } from './prepare.mjs'

/** Installs the servers that ours is compared with: what is there is what the lockfile said when it was installed. */
export async function installPeers() {
  const folder = join(root, 'test', 'bench', 'peers')
  const lockfile = readFileSync(join(folder, 'package-lock.json'), 'utf8')
  const stamps = join(root, 'node_modules', '.syncline', 'bench')
  const stamp = join(stamps, 'peers')
  if (existsSync(join(folder, 'node_modules')) && existsSync(stamp) && readFileSync(stamp, 'utf8') === lockfile) return
  console.log('Installing the servers to compare with (once)…')
  const isInstalled = (await run('npm', ['ci', '--prefix', folder, '--no-audit', '--no-fund'])) === 0
  if (!isInstalled) return console.log('They could not be installed; npm says above why. Going on without them.')
  mkdirSync(stamps, { recursive: true })
  writeFileSync(stamp, lockfile)
}
