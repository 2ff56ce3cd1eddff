import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type RelayProcess, startRelay, synclineBinary } from '../support/relay.js'
import { until, within } from '../support/until.js'
import { syncline } from './syncline.js'

const otherScreen = '\u001b[?1049h'
const oldScreen = '\u001b[?1049l'
/** util-linux's `script` gives a program a terminal; the one of other systems takes other arguments. */
const hasTerminal = /util-linux/.test(String(spawnSync('script', ['--version']).stdout))

async function start(): Promise<RelayProcess> {
  const relay = await startRelay()
  onTestFinished(() => relay.stop())
  return relay
}

/** `syncline top` on a terminal of 24 rows: what it has written so far, and its keyboard. */
function onTerminal(relay: RelayProcess) {
  const command = `stty rows 24 cols 90; '${process.execPath}' '${synclineBinary}' top --data '${relay.dataDirectory}'`
  const child: ChildProcess = spawn('script', ['-qefc', command, '/dev/null'], { cwd: tmpdir() })
  onTestFinished(() => void child.kill('SIGKILL'))
  const terminal = { shown: '', press: (key: string) => child.stdin!.write(key), ended: once(child, 'close') }
  child.stdout!.on('data', (bytes) => {
    terminal.shown += bytes
  })
  return terminal
}

describe('syncline top', () => {
  test('prints a frame, or JSON, from the data directory and from the URL', async () => {
    const relay = await start()
    const { code, out, err } = await syncline(['top', '--once', '--data', relay.dataDirectory])
    expect([code, err]).toEqual([0, ''])
    expect(out.toString()).toMatch(/^syncline \d\S+ {2}ready {2}up /)
    expect(out.toString()).toMatch(/^updates 0\/s/m)
    const json = await syncline(['top', '--once', '--json', '--url', relay.url])
    expect(JSON.parse(json.out.toString())).toMatchObject({ ready: true, documents: [] })
  })

  test('says where there is no relay', async () => {
    const { code, err } = await syncline(['top', '--once', '--url', 'http://127.0.0.1:1'])
    expect([code, err]).toEqual([1, expect.stringContaining('gives no answer')])
  })

  test.skipIf(!hasTerminal)(
    'draws on a screen of its own until q is pressed, and leaves the old one as it was',
    async () => {
      const terminal = onTerminal(await start())
      await until('two frames', () => terminal.shown.split('syncline 0').length > 2)
      expect(terminal.shown).toContain(otherScreen)
      expect(terminal.shown).not.toContain(oldScreen)
      expect(terminal.shown).toMatch(/connections 0 {3}sessions 0/)
      terminal.press('q')
      const [code] = await within('top to end', terminal.ended)
      expect(code).toBe(0)
      expect(terminal.shown.endsWith(`\u001b[?25h${oldScreen}`)).toBe(true)
    },
  )

  test.skipIf(!hasTerminal)('gives the terminal back when the relay has gone, and says so', async () => {
    const relay = await start()
    const terminal = onTerminal(relay)
    await until('a frame', () => terminal.shown.includes('syncline 0'))
    await relay.kill('SIGKILL')
    const [code] = await within('top to end', terminal.ended)
    expect(code).toBe(1)
    expect(terminal.shown).toMatch(/\u001b\[\?1049lsyncline: \w+: /)
  })
})
