import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** True where a program can be run; where it is missing and must not be, it throws. */
export function hasProgram(name: string, ...args: readonly string[]): boolean {
  const isThere = spawnSync(name, args).error === undefined
  if (!isThere && process.env.SYNCLINE_REQUIRE_PROXIES === '1')
    throw new Error(`${name} has to be installed for this test`)
  return isThere
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address ? address.port : 0
}

/** A directory that goes with the test. */
export function emptyDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'syncline-deploy-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** Runs a program until the test ends. @returns what it has said so far */
export function running(program: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): () => string {
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes) => {
      said += bytes
    })
  }
  const ended = once(child, 'close')
  onTestFinished(async () => {
    child.kill('SIGKILL') // gracefully it would wait for whoever is connected
    await ended
  })
  return () => said
}
