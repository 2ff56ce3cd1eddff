import { mergeUpdates } from '@syncline/protocol'
import { importSource } from '../../packages/server/src/import/importer.js'
import { openYLeveldb } from '../../packages/server/src/import/yLeveldb.js'
import type { LevelLog } from '../../packages/server/src/log/level.js'

/** Puts one update in the place of all that the notes have, and moves the records but the last one aside. */
export async function compactNotes(log: LevelLog): Promise<void> {
  const { epoch, base, basePosition, records } = (await log.read('notes'))!
  const tail = records.filter(({ position }) => position > basePosition)
  const { position, chain } = tail.at(-1)!
  const updates = [base!, ...tail.flatMap(({ runs }) => runs.map(({ update }) => update))]
  const point = { epoch, position, chain }
  await log.replaceBase('notes', { point, base: mergeUpdates(updates), keepAfter: position - 1, keepHistory: true })
}

/** Imports the documents of a database of y-leveldb. */
export async function importFrom(directory: string, log: LevelLog, workDirectory: string): Promise<void> {
  const source = await openYLeveldb(directory)
  const nothing = () => {}
  const rename = (name: string) => name
  await importSource(log, source, { workDirectory, rename, now: () => 0, onProgress: nothing, onProblem: nothing })
  await source.close()
}
