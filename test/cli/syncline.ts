import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { synclineOneFile } from '../support/relay.js'
import { until, within } from '../support/until.js'

/** What a run of `syncline` came to. */
export interface Outcome {
  /** null where a signal ended it */
  readonly code: number | null
  readonly out: Buffer
  readonly err: string
}

/** Runs `syncline` as it was built last, in an empty environment, and waits for its end. */
export function syncline(args: readonly string[], input: Uint8Array | string = ''): Promise<Outcome> {
  return start(args, input).ended
}

/** Runs `syncline`, and kills it without warning as soon as `isReached`. */
export async function killedWhen(isReached: () => boolean, args: readonly string[]): Promise<Outcome> {
  const { child, ended } = start(args, '')
  let isOver = false
  child.once('exit', () => {
    isOver = true
  })
  await until('it to get so far', () => isOver || isReached())
  child.kill('SIGKILL')
  return ended
}

function start(args: readonly string[], input: Uint8Array | string) {
  const child = spawn(process.execPath, [synclineOneFile, ...args], { env: {}, cwd: tmpdir() })
  onTestFinished(() => void child.kill('SIGKILL'))
  const out: Buffer[] = []
  let err = ''
  child.stdout.on('data', (bytes) => out.push(bytes))
  child.stderr.on('data', (bytes) => {
    err += bytes
  })
  child.stdin.on('error', () => {}) // it need not read what it is given
  child.stdin.end(input)
  const ended = new Promise<Outcome>((resolve) => {
    child.once('close', (code) => resolve({ code, out: Buffer.concat(out), err }))
  })
  return { child, ended: within(`syncline ${args.join(' ')} to end`, ended) }
}

/** A directory of its own for a test, removed after it. */
export function emptyDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'syncline-cli-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}
