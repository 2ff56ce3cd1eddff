import { access, mkdir, mkdtemp, open, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { SynclineError } from '@syncline/protocol'
import { Level } from 'level'
import { storageFailed } from './adapter.js'
import { formatKey, type Range } from './keys.js'
import { assertFormat, encodeFormat } from './values.js'

/** A LevelDB database of bytes. */
export type Database = Level<Uint8Array, Uint8Array>

const encodings = { keyEncoding: 'view', valueEncoding: 'view' } as const
const unfinishedMark = '.new-'

/**
 * Opens the database in a data directory, and creates both where they are missing. When it resolves, the database is
 * on disk, it could be opened from there, and it has a format that this version knows.
 *
 * @param format `repair`: a format that is damaged or missing is written anew
 * @throws SynclineError `data_in_use`, `unknown_format`, `document_damaged`, `storage_failed`
 */
export async function openDatabase(directory: string, format: 'check' | 'repair' = 'check'): Promise<Database> {
  const location = join(resolve(directory), 'log')
  try {
    await makeDirectory(dirname(location))
    if (!(await exists(join(location, 'CURRENT')))) await createDatabase(location)
    return await openExisting(location, format)
  } catch (error) {
    throw openError(error, location)
  }
}

async function openExisting(location: string, whatFormat: 'check' | 'repair'): Promise<Database> {
  const database: Database = new Level(location, encodings)
  await database.open({ createIfMissing: false })
  try {
    // LevelDB has named its new manifest in CURRENT, but left that to chance: after a power cut the old one would count,
    // without what was recovered from a file that nobody had synced
    await sync(location)
    if (whatFormat === 'repair') await repairFormat(database)
    const format = await database.get(formatKey)
    if (format === undefined) throw new SynclineError('storage_failed', `${location} is not a log of Syncline`)
    assertFormat(format)
    await removeUnfinished(location) // by the one who holds the lock
    return database
  } catch (error) {
    await database.close()
    throw error
  }
}

async function repairFormat(database: Database): Promise<void> {
  const format = await database.get(formatKey)
  try {
    if (format !== undefined) return assertFormat(format)
  } catch (error) {
    if (error instanceof SynclineError && error.code !== 'document_damaged') throw error
  }
  await database.put(formatKey, encodeFormat(), { sync: true })
}

/**
 * LevelDB syncs neither its first manifest nor the directory, so that a power cut can leave a new database which never
 * opens. It is made beside its place, synced, and moved there whole.
 */
async function createDatabase(location: string): Promise<void> {
  let unfinished: string | null = null
  try {
    unfinished = await makeUnfinished(location, async () => {})
    await rename(unfinished, location)
  } catch (error) {
    if (!(await exists(join(location, 'CURRENT')))) throw error
    // another process was quicker, and may have removed what this one was making; opening tells whether it is there
    if (unfinished !== null) await rm(unfinished, { recursive: true, force: true })
  }
  await sync(dirname(location))
}

/**
 * Makes the database of a data directory that has none, with something in it: there is all of it, or none.
 *
 * @param fill writes with fsync in the end
 * @throws SynclineError `storage_failed`, `not_empty`, and what `fill` throws
 */
export async function buildDatabase(directory: string, fill: (database: Database) => Promise<void>): Promise<void> {
  const location = join(resolve(directory), 'log')
  try {
    const unfinished = await makeUnfinished(location, fill)
    await rename(unfinished, location)
    await sync(dirname(location))
  } catch (error) {
    throw (await exists(join(location, 'CURRENT')))
      ? new SynclineError('not_empty', location)
      : openError(error, location)
  }
}

async function makeUnfinished(location: string, fill: (database: Database) => Promise<void>): Promise<string> {
  const unfinished = await mkdtemp(location + unfinishedMark)
  const database: Database = new Level(unfinished, encodings)
  try {
    await database.open()
    await database.put(formatKey, encodeFormat(), { sync: true })
    await fill(database)
    await database.close()
    for (const name of await readdir(unfinished)) await sync(join(unfinished, name))
    await sync(unfinished)
    return unfinished
  } catch (error) {
    await database.close()
    await rm(unfinished, { recursive: true, force: true })
    throw error
  }
}

/** Whether an entry of a data directory is what an interruption left of a database that was being made. */
export function isUnfinished(name: string): boolean {
  return name.startsWith(`log${unfinishedMark}`)
}

/** What a power cut left of a database that was being made. */
async function removeUnfinished(location: string): Promise<void> {
  const directory = dirname(location)
  for (const name of await readdir(directory)) {
    const path = join(directory, name)
    if (!path.startsWith(location + unfinishedMark)) continue
    // a process that is just making it removes it itself
    await rm(path, { recursive: true, force: true }).catch(() => undefined)
  }
}

/** Makes a directory that its owner alone can read, where it is missing, so that a power cut leaves it there. */
export async function makeDirectory(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true, mode: 0o700 })
  if (first === undefined) return
  for (let made = directory; made.length >= first.length; made = dirname(made)) await sync(dirname(made))
}

/** Makes the bytes of a file, or the names in a directory, durable. */
export async function sync(path: string): Promise<void> {
  if (process.platform === 'win32') return // which opens no directories, and no files to sync them read-only
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Has LevelDB write out what it has in memory, and drop what counts no more between two keys. */
export function compactRange(database: Database, { gte, lte }: Range): Promise<void> {
  // the types are those of browsers too, which cannot
  return (database as unknown as { compactRange(from: Uint8Array, to: Uint8Array): Promise<void> }).compactRange(
    gte,
    lte,
  )
}

/** Whether there is anything at a path. */
export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

function openError(error: unknown, location: string): SynclineError {
  if (error instanceof SynclineError) return error
  // what LevelDB says is the cause of what its wrapper says
  const cause = (error as Error).cause ?? error
  if ((cause as { code?: unknown }).code === 'LEVEL_LOCKED') {
    return new SynclineError('data_in_use', `${location} is locked`)
  }
  return storageFailed(`The log in ${location} cannot be opened: ${(cause as Error).message}`, cause)
}
