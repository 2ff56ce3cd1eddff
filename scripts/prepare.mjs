/**
 * What every command needs before it can do its work: a Node that is new enough, the packages of the lockfile,
 * and builds that are no older than their sources. Needs nothing but Node, as it runs before anything is installed.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))
const stamps = join(root, 'node_modules', '.syncline')

/** Ends the process with a sentence for a person. Never returns. @param {string} sentence @returns {never} */
export function giveUp(sentence) {
  console.error(`\n${sentence}\n`)
  process.exit(1)
}

/** Ends the process where Node is older than package.json asks for. */
export function requireNode() {
  const wanted = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).engines.node.replace('>=', '')
  const [major = 0, minor = 0] = wanted.split('.').map(Number)
  const [ownMajor = 0, ownMinor = 0] = process.versions.node.split('.').map(Number)
  if (ownMajor > major || (ownMajor === major && ownMinor >= minor)) return
  giveUp(`Syncline needs Node ${wanted} or newer; this is Node ${process.versions.node}. Please update Node.`)
}

/**
 * Runs a command to its end, its output going where ours goes.
 * @param {string} command @param {string[]} args @param {NodeJS.ProcessEnv} [env]
 * @returns {Promise<number>} its exit code, 1 where a signal ended it
 */
export function run(command, args, env = process.env) {
  // npm is a .cmd file on Windows, which Node starts through a shell only
  const shell = process.platform === 'win32' && command === 'npm'
  const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'], shell })
  return new Promise((done, fail) => {
    child.on('error', fail)
    child.on('exit', (code) => done(code ?? 1))
  })
}

/** Runs a JavaScript file of an installed package, without the half second that npx takes. @param {string[]} args */
export const runNode = (...args) => run(process.execPath, args)

/** Installs what the lockfile says, unless it is there. */
export async function install() {
  if (isInstalled()) return
  console.log('Installing packages (once)…')
  // with NODE_ENV=production npm would leave out what builds the demo
  if ((await run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund'])) !== 0) {
    giveUp('Installing the packages failed; npm says above why. Is the npm registry reachable?')
  }
}

/** npm leaves in node_modules a lockfile of what it installed: compared by content, as times lie after a checkout. */
function isInstalled() {
  const record = join(root, 'node_modules', '.package-lock.json')
  if (!existsSync(record)) return false
  const installed = JSON.parse(readFileSync(record, 'utf8')).packages
  /** @type {[string, { version?: string, optional?: boolean }][]} */
  const locked = Object.entries(JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages)
  return locked
    .filter(([path]) => path.includes('node_modules/'))
    .every(([path, { version, optional }]) => {
      // an optional package is for another platform where it is missing
      return path in installed ? installed[path].version === version : optional
    })
}

const demoSources = ['index.html', 'package.json', 'public', 'service-worker', 'src', 'vite.config.ts'].map(
  (path) => `demo/${path}`,
)
const packages = ['packages/protocol', 'packages/client', 'packages/react', 'packages/server']

/** Builds the packages and the demo, each where it is stale. */
export async function build() {
  const sources = ['tsconfig.base.json', ...packages.flatMap((path) => [`${path}/src`, `${path}/tsconfig.json`])]
  const outputs = packages.map((path) => `${path}/dist/index.js`)
  await buildStale('packages', sources, outputs, () => {
    for (const path of packages) removeOrphans(path)
    return runNode('node_modules/typescript/bin/tsc', '-b', ...packages)
  })
  const ofAdmin = [...sources.filter((path) => !path.startsWith('packages/server')), 'packages/server/admin']
  await buildStale(
    'page of operators',
    [...ofAdmin, 'scripts/admin-page.mjs'],
    ['packages/server/admin/dist/page.js'],
    () => runNode('scripts/admin-page.mjs'),
  )
  // the bundle holds the client and with it the protocol; what the server does changes nothing in it
  const bundled = [
    ...sources.filter((path) => !path.startsWith('packages/server')),
    ...demoSources,
    'package-lock.json',
  ]
  await buildStale('demo', bundled, ['demo/dist/index.html'], () =>
    run('npm', ['run', '--silent', 'build', '-w', 'demo']),
  )
}

/** The compiler leaves what it built from sources that are gone, and npm would pack it. @param {string} path */
function removeOrphans(path) {
  const [source, dist] = [join(root, path, 'src'), join(root, path, 'dist')]
  if (!existsSync(dist)) return
  for (const file of filesBelow(dist)) {
    const stem = file.slice(dist.length).replace(/\.(js|d\.ts)(\.map)?$/, '')
    const isOutput = stem !== file.slice(dist.length)
    if (isOutput && !existsSync(`${source}${stem}.ts`)) rmSync(file)
  }
}

/**
 * Runs a build where its outputs are missing or its sources are not those of the last good build.
 * @param {string} name @param {string[]} sources @param {string[]} outputs @param {() => Promise<number>} runBuild
 */
async function buildStale(name, sources, outputs, runBuild) {
  const stamp = join(stamps, name)
  const fingerprint = fingerprintOf(sources)
  const fresh = existsSync(stamp) && readFileSync(stamp, 'utf8') === fingerprint
  if (fresh && outputs.every((path) => existsSync(join(root, path)))) return
  console.log(`Building the ${name}…`)
  if ((await runBuild()) !== 0) giveUp(`Building the ${name} failed; the errors are above.`)
  mkdirSync(stamps, { recursive: true })
  writeFileSync(stamp, fingerprint)
}

/** Path, size and time of every file: sees what was removed or went back to an older time, too. @param {string[]} paths */
function fingerprintOf(paths) {
  const hash = createHash('sha256')
  for (const path of paths.flatMap((path) => filesBelow(resolve(root, path)))) {
    const { size, mtimeMs } = statSync(path)
    hash.update(`${path} ${size} ${mtimeMs}\n`)
  }
  return hash.digest('hex')
}

/** What people wrote below a path, not what tools left there. @param {string} path @returns {string[]} */
function filesBelow(path) {
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path)
    .filter((name) => !/^(node_modules|dist|\.vite|__pycache__)$|\.tsbuildinfo$/.test(name))
    .sort()
    .flatMap((name) => filesBelow(join(path, name)))
}
