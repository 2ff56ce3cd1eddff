import { setTimeout } from 'node:timers/promises'
import type { Command } from 'commander'
import type { Overview } from '../../admin/overview.js'
import { setting, sharedDataSetting } from '../setting.js'
import { print, printableJson, printLine } from '../terminal.js'
import { frameOf } from './frame.js'
import { overviewOf, type Source } from './source.js'

const refreshMs = 1_000
const lineUsual = 100
const enter = '\u001b[?1049h\u001b[?25l' // another screen, no cursor
const leave = '\u001b[?25h\u001b[?1049l'
const home = '\u001b[H'
const toEndOfLine = '\u001b[K'
const toEndOfScreen = '\u001b[J'

interface TopOptions extends Source {
  readonly once?: true
  readonly json?: true
}

/** Adds `syncline top`. */
export function addTop(program: Command): void {
  program
    .command('top')
    .description('Shows what a running relay does, once a second; q ends it.')
    .addOption(sharedDataSetting())
    .addOption(setting('url', '<url>', 'of a relay elsewhere, asked with the token of an operator'))
    .addOption(setting('token-file', '<file>', 'where that token is; or in SYNCLINE_TOKEN'))
    .option('--once', 'print one frame, with the rates of a second, and end')
    .option('--json', 'print JSON, one object a line')
    .action((options: TopOptions) => top(options))
}

async function top(options: TopOptions): Promise<void> {
  const isScreen = !options.once && !options.json && process.stdout.isTTY && process.stdin.isTTY
  if (isScreen) return showOnScreen(options)
  let before: Overview | null = null
  for (;;) {
    const now: Overview = await overviewOf(options)
    if (options.json) {
      if (!(await print(`${printableJson(now)}\n`)) || options.once) return
    } else if (before !== null) {
      await printLine(frameOf(now, before, { columns: lineUsual, rows: Number.MAX_SAFE_INTEGER }))
      if (options.once) return
      await printLine('')
    }
    before = now
    await setTimeout(refreshMs)
  }
}

/** A frame a second until somebody ends it; the terminal is then as it was before. */
async function showOnScreen(source: Source): Promise<void> {
  const ending = new AbortController()
  const onKey = (bytes: Buffer) => {
    if (/[qQ\u0003\u0004]/.test(bytes.toString())) ending.abort()
  }
  const end = () => ending.abort()
  let [now, before]: [Overview, Overview | null] = [await overviewOf(source), null]
  const draw = () => {
    const { columns = lineUsual, rows = 40 } = process.stdout
    const frame = frameOf(now, before, { columns, rows: rows - 1 })
    process.stdout.write(home + frame.replaceAll('\n', `${toEndOfLine}\n`) + toEndOfLine + toEndOfScreen)
  }
  process.stdin.setRawMode(true)
  process.stdin.on('data', onKey).resume()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end)
  process.stdout.on('resize', draw).write(enter)
  try {
    while (!ending.signal.aborted) {
      draw()
      await setTimeout(refreshMs, undefined, { signal: ending.signal }).catch(() => {})
      if (ending.signal.aborted) break
      ;[before, now] = [now, await overviewOf(source)]
    }
  } finally {
    process.stdout.off('resize', draw).write(leave)
    process.stdin.off('data', onKey).setRawMode(false).pause()
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, end)
  }
}
