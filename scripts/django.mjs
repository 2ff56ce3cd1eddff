/**
 * `npm run django`: a site of Django's with a relay beside it. Django has the people, the pages and the database, the
 * relay has the documents; they talk plain HTTP. Ports: `NEWSROOM_PORT` (8000) and `SYNCLINE_PORT` (4322); what they keep
 * is in `NEWSROOM_DATA` (data/newsroom).
 */
import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { build, giveUp, install, requireNode, root } from './prepare.mjs'

requireNode()
const python = pythonWithDjango()
await install()
await build()
await bundleEditor()

const [newsroomPort, relayPort] = [process.env.NEWSROOM_PORT ?? '8000', process.env.SYNCLINE_PORT ?? '4322']
const data = resolve(root, process.env.NEWSROOM_DATA ?? 'data/newsroom')
mkdirSync(data, { recursive: true, mode: 0o700 })
const [site, relay] = [`http://127.0.0.1:${newsroomPort}`, `http://127.0.0.1:${relayPort}`]
const env = {
  ...process.env,
  NEWSROOM_DATA: data,
  NEWSROOM_SECRET_KEY: secretOf('secret-key', () => randomBytes(32).toString('base64url')),
  SYNCLINE_URL: relay,
  SYNCLINE_WEBHOOK_SECRET: secretOf('webhook-secret', () => `whsec_${randomBytes(24).toString('base64')}`),
  PYTHONDONTWRITEBYTECODE: '1',
  PYTHONUNBUFFERED: '1',
}

for (const step of [['migrate', '--verbosity', '0'], ['welcome']]) {
  const { status } = spawnSync(python, ['manage.py', ...step], { cwd: django(), env, stdio: 'inherit' })
  if (status !== 0) giveUp(`manage.py ${step[0]} failed; Django says above why.`)
}

/** @type {import('node:child_process').ChildProcess[]} */
const children = []
start('Django', python, ['manage.py', 'runserver', '--noreload', `127.0.0.1:${newsroomPort}`], django())
start('the relay', process.execPath, ['packages/server/bin/syncline.js', 'serve', ...relayFlags()], root)
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) process.on(signal, () => stop(0))

await Promise.all([answers(`${site}/`), answers(`${relay}/readyz`)])
// an article without a price has no live document yet, which its page would be told as an error
await once(start('the ticker', python, ['manage.py', 'ticker'], django()), 'line')
console.log(`\n  The newsroom is at ${site}\n  Log in as ada, ben or cy; the password is the name. Ctrl-C stops it.\n`)

function relayFlags() {
  return [
    ...['--port', relayPort, '--data', join(data, 'documents'), '--log-level', 'warn'],
    // Django's cookie reaches the relay, which asks Django what whoever has it may do
    ...['--auth', 'url', '--authorize-url', `${site}/syncline/authorize`, '--allow-origin', site],
    ...['--load-url', `${site}/syncline/load`],
    ...['--webhook-url', `${site}/syncline/webhook`, '--webhook-documents', 'articles/*'],
    ...['--webhook-events', 'document.changed', '--webhook-content', 'text', '--webhook-allow-private'],
  ]
}

/**
 * @param {string} name @param {string} command @param {string[]} args @param {string} cwd
 * @returns what it says, line by line: it is read here, and what people have to know is said here
 */
function start(name, command, args, cwd) {
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  child.on('error', (error) => stop(1, `${name} did not start: ${error.message}`))
  child.on('exit', (code) => stop(1, `${name} ended by itself (code ${code}); what it said is above.`))
  return createInterface({ input: child.stdout })
}

/** @param {number} code @param {string} [why] */
function stop(code, why) {
  for (const child of children) child.removeAllListeners('exit')
  const isOver = (/** @type {import('node:child_process').ChildProcess} */ { exitCode, signalCode }) =>
    exitCode !== null || signalCode !== null
  const leave = () => {
    if (!children.every(isOver)) return
    if (why) giveUp(why)
    process.exit(code)
  }
  for (const child of children) {
    child.on('exit', leave)
    child.kill()
  }
  leave()
}

/** @param {string} url */
async function answers(url) {
  for (;;) {
    const response = await fetch(url).catch(() => null)
    if (response?.ok) return
    await new Promise((done) => setTimeout(done, 50))
  }
}

async function bundleEditor() {
  const esbuild = await import('esbuild')
  await esbuild.build({
    entryPoints: [join(django(), 'editor/edit.ts')],
    outfile: join(django(), 'dist/articles/edit.js'),
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    logLevel: 'warning',
  })
}

/** A Python that has Django: the one of the path, or the system's. @returns {string} */
function pythonWithDjango() {
  const names = [process.env.PYTHON ?? 'python3', '/usr/bin/python3']
  const found = names.find((name) => spawnSync(name, ['-c', 'import django']).status === 0)
  return found ?? giveUp('There is no Python with Django: install python3-django, or `pip install django`.')
}

/** A secret that outlives restarts: sessions and signatures hang on it. @param {string} name @param {() => string} make */
function secretOf(name, make) {
  const path = join(data, name)
  if (!existsSync(path)) writeFileSync(path, make(), { mode: 0o600 })
  return readFileSync(path, 'utf8')
}

function django() {
  return join(root, 'demo/django')
}
