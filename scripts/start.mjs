/**
 * `npm start`: installs, builds what is stale, and runs a relay that serves the demo. What follows `--` goes to
 * `syncline serve`, such as `npm start -- --port 5000`.
 */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { build, giveUp, install, requireNode, root } from './prepare.mjs'

requireNode()
await install()
await build()

// defaults as variables: whatever the person sets, by variable or by flag, wins
const defaults = { SYNCLINE_DATA: 'data', SYNCLINE_STATIC: 'demo/dist', SYNCLINE_LOG_LEVEL: 'warn' }
const relay = spawn(
  process.execPath,
  ['packages/server/bin/syncline.js', 'serve', ...process.argv.slice(2)],
  // a group of its own: Ctrl-C reaches this process alone, which passes it on once
  {
    cwd: root,
    env: { ...defaults, ...process.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: process.platform !== 'win32',
  },
)

let listening = false
let complaints = ''
relay.stderr.on('data', (bytes) => {
  process.stderr.write(bytes)
  if (!listening) complaints += bytes
})
createInterface({ input: relay.stdout }).on('line', (line) => {
  const url = listeningUrl(line)
  if (url === null) return console.log(line)
  listening = true
  console.log(`\n  Syncline is running: ${url}\n  Open it in two browser windows and type. Ctrl-C stops it.\n`)
})

let stopping = false
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
  process.on(signal, () => {
    // asked twice, the person does not want to wait for the disk any more
    relay.kill(stopping ? 'SIGKILL' : 'SIGTERM')
    stopping = true
  })
}
relay.on('close', (code) => {
  // without an order to stop, 0 is the end of a question such as --help
  if (stopping || code === 0) process.exit(code ?? 1)
  if (!listening && complaints.includes('EADDRINUSE')) {
    giveUp('The port is in use by another program. Stop that one, or choose another port: npm start -- --port 5000')
  }
  giveUp(`The relay ended by itself (code ${code}); what it said is above.`)
})

/** @param {string} line @returns {string | null} the URL, where the line is the one that says the relay is ready */
function listeningUrl(line) {
  try {
    const { event, url } = JSON.parse(line)
    return event === 'listening' ? url : null
  } catch {
    return null
  }
}
