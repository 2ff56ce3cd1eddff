import { createHash } from 'node:crypto'
import { mkdtemp, readFile, realpath, rm, rmdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

// the system's limit for the path of a socket is 104 bytes on some, 108 on others
const pathBytesMax = 100
const pointerName = 'control.path'

/**
 * Where the relay of a data directory is told what to do. Where the directory's path is too long for a socket, that is
 * in a temporary directory, and a file says where.
 *
 * @returns null where it is nowhere
 */
export async function findSocket(data: string): Promise<string | null> {
  if (process.platform === 'win32') return pipeOf(data)
  const path = join(resolve(data), 'control.sock')
  if (isShort(path)) return path
  return readFile(join(resolve(data), pointerName), 'utf8').catch(() => null)
}

/** The same for the relay itself, which has the directory for its own: what an earlier one left there goes. */
export async function prepareSocket(data: string): Promise<string> {
  await removeSocket(data)
  const found = await findSocket(data)
  if (found !== null) return found
  const path = join(await mkdtemp(join(tmpdir(), 'syncline-')), 'control.sock') // its owner's alone
  await writeFile(join(resolve(data), pointerName), path, { mode: 0o600 })
  return path
}

/** Takes it away. */
export async function removeSocket(data: string): Promise<void> {
  if (process.platform === 'win32') return
  const path = await findSocket(data)
  if (path === null) return
  await rm(path, { force: true })
  if (isShort(join(resolve(data), 'control.sock'))) return
  await rmdir(dirname(path)).catch(() => {})
  await rm(join(resolve(data), pointerName), { force: true })
}

function isShort(path: string): boolean {
  return Buffer.byteLength(path) <= pathBytesMax
}

async function pipeOf(data: string): Promise<string> {
  const path = await realpath(data).catch(() => resolve(data))
  return `\\\\.\\pipe\\syncline-${createHash('sha256').update(path).digest('hex').slice(0, 32)}`
}
