import { copyFile, cp } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { SynclineError } from '@syncline/protocol'
import { Level } from 'level'
import { type Database, exists, makeDirectory, openDatabase } from './directory.js'
import { type Examination, examine, storedNames } from './examine.js'
import { type Repair, type RepairOptions, repair } from './repair.js'
import { markDamagedBlocks } from './tables.js'
import { findWriteAheadFaults, type WriteAheadFault } from './writeAhead.js'

/** What a check of a whole log found beside its documents. */
export interface LogCheck {
  readonly documents: number
  readonly damaged: number
  /** of the files that are read at the opening: writes of any document may be missing */
  readonly writeAhead: readonly WriteAheadFault[]
  /** of these files, made before LevelDB took them in */
  readonly copies: readonly string[]
  /** why LevelDB cannot read its own files, so that documents may be missing here; null where it can */
  readonly unreadable: string | null
}

/** How {@link checkLog} checks. */
export interface CheckOptions {
  /** also load each document */
  readonly deep: boolean
  /** ms since 1970: names the copies */
  readonly time: number
}

/**
 * Examines every document of a data directory that nobody has open. Opening it takes in its write-ahead files, of
 * which those that are damaged are copied first; nothing else is changed.
 *
 * @param report told of each document, in no order
 * @throws SynclineError `data_in_use`, and what opening the log throws
 */
export async function checkLog(
  directory: string,
  { deep, time }: CheckOptions,
  report: (found: Examination) => Promise<void>,
): Promise<LogCheck> {
  const writeAhead = await findWriteAheadFaults(locationOf(directory))
  const copies = await copyWriteAhead(directory, time)
  let documents = 0
  let damaged = 0
  try {
    await withDatabase(openDatabase(directory), async (database) => {
      for await (const found of examinations(database, deep)) {
        documents++
        if (found.faults.length > 0) damaged++
        await report(found)
      }
    })
    return { documents, damaged, writeAhead, copies, unreadable: null }
  } catch (error) {
    if (!isOfLevel(error)) throw error
    return { documents, damaged, writeAhead, copies, unreadable: (error as Error).message }
  }
}

/** What a repair of a whole log did beside its documents. */
export interface LogRepair {
  /** copies of files that were damaged, made before anything was changed */
  readonly copies: readonly string[]
  /** LevelDB's files were beyond reading, and were rebuilt from what can be read of them */
  readonly isRebuilt: boolean
}

/**
 * Repairs every damaged document of a data directory that nobody has open. Nothing is deleted: what cannot be relied on
 * is set aside in the database, and files of LevelDB that are damaged are copied first.
 *
 * @param report told of each document that was repaired
 * @throws SynclineError `data_in_use`, `unknown_format`, `storage_failed`
 */
export async function repairLog(
  directory: string,
  options: RepairOptions,
  report: (done: Repair) => Promise<void>,
): Promise<LogRepair> {
  const copies = await copyWriteAhead(directory, options.time)
  try {
    await repairDocuments(await openDatabase(directory, 'repair'), options, report)
    return { copies, isRebuilt: false }
  } catch (error) {
    if (!isOfLevel(error)) throw error
  }
  const copy = `${locationOf(directory)}.damaged-${options.time}`
  await cp(locationOf(directory), copy, { recursive: true, errorOnExist: true, force: false })
  await markDamagedBlocks(locationOf(directory))
  await rebuild(locationOf(directory))
  await repairDocuments(await openDatabase(directory, 'repair'), options, report)
  return { copies: [...copies, copy], isRebuilt: true }
}

async function repairDocuments(
  database: Database,
  options: RepairOptions,
  report: (done: Repair) => Promise<void>,
): Promise<void> {
  await withDatabase(database, async () => {
    const damaged: string[] = []
    for await (const { name, faults } of examinations(database, false)) if (faults.length > 0) damaged.push(name)
    for (const name of damaged) {
      const done = await repair(database, name, options)
      if (done) await report(done)
    }
  })
}

async function* examinations(database: Database, deep: boolean): AsyncGenerator<Examination> {
  const snapshot = database.snapshot()
  try {
    for await (const name of storedNames(database, snapshot)) {
      const found = await examine(database, name, snapshot, deep)
      if (found) yield found
    }
  } finally {
    await snapshot.close()
  }
}

async function withDatabase<T>(
  opening: Database | Promise<Database>,
  run: (database: Database) => Promise<T>,
): Promise<T> {
  const database = await opening
  try {
    return await run(database)
  } finally {
    await database.close()
  }
}

/** LevelDB's own means; its types are those of browsers too, which have none. */
function rebuild(location: string): Promise<void> {
  return (Level as unknown as { repair(location: string): Promise<void> }).repair(location)
}

/**
 * Copies write-ahead files that are damaged beside the log: LevelDB takes them in when it is opened, without what does
 * not match its checksum.
 *
 * @returns the copies
 */
export async function copyWriteAhead(directory: string, time: number): Promise<string[]> {
  if (!(await exists(locationOf(directory)))) return []
  const faults = await findWriteAheadFaults(locationOf(directory))
  // what a power cut leaves at the end was never acknowledged
  const files = new Set(faults.filter(({ isEnd }) => !isEnd).map(({ file }) => file))
  if (files.size === 0) return []
  const aside = join(resolve(directory), `damaged-${time}`)
  await makeDirectory(aside)
  for (const file of files) await copyFile(join(locationOf(directory), file), join(aside, file))
  return [...files].map((file) => join(aside, file))
}

/** Whether LevelDB cannot read its own files. */
function isOfLevel(error: unknown): boolean {
  if (error instanceof SynclineError) return error.code === 'storage_failed'
  return (error as { code?: unknown }).code === 'LEVEL_CORRUPTION'
}

function locationOf(directory: string): string {
  return join(resolve(directory), 'log')
}
