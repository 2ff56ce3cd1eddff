import { createHash, type Hash } from 'node:crypto'
import { type FileHandle, mkdtemp, open, readdir, rename, rm, rmdir } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { SynclineError } from '@syncline/protocol'
import * as encoding from 'lib0/encoding'
import { storageFailed } from './adapter.js'
import { type Database, exists, sync } from './directory.js'
import { entriesOf } from './examine.js'
import { isDocumentKey } from './keys.js'

const segmentBytesMax = 64 * 1024 * 1024
const writeBytes = 1024 * 1024
const everything = { gte: new Uint8Array(0), lte: new Uint8Array(64).fill(0xff) }

/** The version of the layout of a backup, which LOG.md describes. */
export const backupFormat = 1

/** What `manifest.json` says of a backup. */
export interface BackupManifest {
  readonly format: number
  /** the moment whose documents it has, in ISO 8601 */
  readonly time: string
  readonly documents: number
  /** keys and values in all files */
  readonly entries: number
  readonly files: readonly BackupFile[]
}

/** A file of a backup. */
export interface BackupFile {
  readonly name: string
  readonly bytes: number
  /** in hex */
  readonly sha256: string
}

/**
 * Writes all that a database has at this moment to a new directory, while it is in use. The directory is there when all
 * of it is on disk; what an interruption leaves has `.new-` in its name.
 *
 * @param directory must not exist, or be empty; its parent exists
 * @param time ms since 1970
 * @throws SynclineError `not_empty`, `storage_failed`
 */
export async function writeBackup(database: Database, directory: string, time: number): Promise<BackupManifest> {
  const target = resolve(directory)
  await assertEmpty(target)
  const snapshot = database.snapshot()
  let unfinished = ''
  try {
    unfinished = await mkdtemp(`${target}.new-`) // readable to its owner alone
    const writer = new BackupWriter(unfinished)
    for await (const { key, value } of entriesOf(database, everything, snapshot)) await writer.add(key, value)
    const manifest = { format: backupFormat, time: new Date(time).toISOString(), ...(await writer.finish()) }
    await writeSynced(join(unfinished, 'manifest.json'), Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`))
    await sync(unfinished)
    if (await exists(target)) await rmdir(target)
    await rename(unfinished, target)
    await sync(dirname(target))
    return manifest
  } catch (error) {
    if (unfinished !== '') await rm(unfinished, { recursive: true, force: true })
    if (error instanceof SynclineError) throw error
    throw storageFailed(`The backup ${basename(target)} could not be written: ${(error as Error).message}`, error)
  } finally {
    await snapshot.close()
  }
}

/**
 * Refuses a directory with anything in it.
 *
 * @param mayHave names that do not count
 * @throws SynclineError `not_empty`
 */
export async function assertEmpty(directory: string, mayHave: (name: string) => boolean = () => false): Promise<void> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    if (error.code === 'ENOTDIR') throw new SynclineError('not_empty', `${directory} is a file`)
    throw storageFailed(`${directory} cannot be read: ${error.message}`, error)
  })
  const found = names.find((name) => !mayHave(name))
  if (found !== undefined) throw new SynclineError('not_empty', `${directory} has ${found}`)
}

/** Writes keys and values to files of bounded size, each of which is on disk before the next one begins. */
class BackupWriter {
  readonly #directory: string
  readonly #files: BackupFile[] = []
  #entries = 0
  #documents = 0
  #file: FileHandle | null = null
  #hash: Hash = createHash('sha256')
  #bytes = 0
  #encoder = encoding.createEncoder()

  constructor(directory: string) {
    this.#directory = directory
  }

  async add(key: Uint8Array, value: Uint8Array): Promise<void> {
    encoding.writeVarUint8Array(this.#encoder, key)
    encoding.writeVarUint8Array(this.#encoder, value)
    this.#entries++
    if (isDocumentKey(key)) this.#documents++
    if (encoding.length(this.#encoder) >= writeBytes) await this.#flush()
    if (this.#bytes >= segmentBytesMax) await this.#endFile()
  }

  async finish(): Promise<Pick<BackupManifest, 'documents' | 'entries' | 'files'>> {
    await this.#flush()
    await this.#endFile()
    return { documents: this.#documents, entries: this.#entries, files: this.#files }
  }

  get #name(): string {
    return `entries-${String(this.#files.length + 1).padStart(6, '0')}`
  }

  async #flush(): Promise<void> {
    const bytes = encoding.toUint8Array(this.#encoder)
    this.#encoder = encoding.createEncoder()
    if (bytes.length === 0) return
    this.#file ??= await open(join(this.#directory, this.#name), 'wx', 0o600)
    await writeAll(this.#file, bytes)
    this.#hash.update(bytes)
    this.#bytes += bytes.length
  }

  async #endFile(): Promise<void> {
    if (this.#file === null) return
    await this.#file.sync()
    await this.#file.close()
    this.#file = null
    this.#files.push({ name: this.#name, bytes: this.#bytes, sha256: this.#hash.digest('hex') })
    this.#hash = createHash('sha256')
    this.#bytes = 0
  }
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await writeAll(file, bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at)).bytesWritten
}
