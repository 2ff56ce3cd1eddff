import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { SynclineError } from '@syncline/protocol'
import * as decoding from 'lib0/decoding'
import { z } from 'zod'
import { assertEmpty, type BackupFile, type BackupManifest, backupFormat } from './backup.js'
import { buildDatabase, type Database, isUnfinished, makeDirectory } from './directory.js'
import { documentKey, documentRange, isDocumentKey, nameOf, pastKey } from './keys.js'
import { readPast } from './removal.js'
import { decodeDocument, encodeDocument, encodePast } from './values.js'

const batchBytes = 1024 * 1024
const batchDocuments = 1_000

const manifestSchema = z.object({
  format: z.number().int().positive(),
  time: z.string(),
  documents: z.number().int().nonnegative(),
  entries: z.number().int().nonnegative(),
  files: z.array(
    z.object({
      // no other directory
      name: z.string().regex(/^entries-\d{6,}$/),
      bytes: z.number().int().nonnegative(),
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
    }),
  ),
})

/** What {@link restoreBackup} needs beside the directories. */
export interface RestoreOptions {
  /** ms since 1970 */
  readonly time: number
  readonly newEpoch: () => string
}

/**
 * Makes a new data directory from a backup, after every byte of it was verified. All epochs are renewed, so that clients
 * that are ahead of the backup bring back what it lacks.
 *
 * @param directory must not exist, or be empty
 * @throws SynclineError `backup_damaged`, `unknown_format`, `not_empty`, `storage_failed`
 */
export async function restoreBackup(
  backup: string,
  directory: string,
  options: RestoreOptions,
): Promise<BackupManifest> {
  const manifest = await readManifest(backup)
  for (const file of manifest.files) await verify(backup, file)
  await assertEmpty(resolve(directory), isUnfinished)
  await makeDirectory(resolve(directory))
  await buildDatabase(directory, async (database) => {
    const filled = await fill(database, backup, manifest.files)
    if (filled.documents !== manifest.documents || filled.entries !== manifest.entries) {
      throw damaged(`It has ${filled.entries} entries instead of ${manifest.entries}`)
    }
    await renewEpochs(database, options)
  })
  return manifest
}

async function readManifest(backup: string): Promise<BackupManifest> {
  const text = await readFile(join(backup, 'manifest.json'), 'utf8').catch((error: Error) => {
    throw damaged(`Its manifest cannot be read: ${error.message}`)
  })
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw damaged('Its manifest is no JSON')
  }
  const parsed = manifestSchema.safeParse(json)
  const format = (json as { readonly format?: unknown } | null)?.format
  if (typeof format === 'number' && format > backupFormat) {
    throw new SynclineError('unknown_format', `The backup has format ${format}`)
  }
  if (!parsed.success) throw damaged('Its manifest is not one of a backup')
  return parsed.data
}

async function verify(backup: string, { name, bytes, sha256 }: BackupFile): Promise<void> {
  const path = join(backup, name)
  const found = await stat(path).catch(() => null)
  if (found?.size !== bytes) throw damaged(`${name} has ${found?.size ?? 'no'} bytes instead of ${bytes}`)
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk)
  if (hash.digest('hex') !== sha256) throw damaged(`${name} does not match its checksum`)
}

async function fill(database: Database, backup: string, files: readonly BackupFile[]) {
  let documents = 0
  let entries = 0
  for (const { name } of files) {
    const decoder = decoding.createDecoder(await readFile(join(backup, name))) // 64 MiB and one entry at most
    let batch = database.batch()
    let bytes = 0
    while (decoding.hasContent(decoder)) {
      const key = decoding.readVarUint8Array(decoder)
      const value = decoding.readVarUint8Array(decoder)
      batch.put(key, value)
      entries++
      if (isDocumentKey(key)) documents++
      bytes += key.length + value.length
      if (bytes < batchBytes) continue
      await batch.write()
      batch = database.batch()
      bytes = 0
    }
    await batch.write()
  }
  return { documents, entries }
}

/** A document whose head is damaged keeps it: repair renews the epoch. */
async function renewEpochs(database: Database, { time, newEpoch }: RestoreOptions): Promise<void> {
  let batch = database.batch()
  for await (const [key, value] of database.iterator(documentRange('', ''))) {
    const name = nameOf(key)
    try {
      const head = decodeDocument(value)
      const { deleted, renewed } = await readPast(database, name)
      const past = { time, deleted, renewed: [...renewed, head.epoch] }
      batch.put(documentKey(name), encodeDocument({ ...head, epoch: newEpoch() })).put(pastKey(name), encodePast(past))
    } catch (error) {
      if (!(error instanceof SynclineError && error.code === 'document_damaged')) throw error
    }
    if (batch.length < batchDocuments) continue
    await batch.write()
    batch = database.batch()
  }
  await batch.write({ sync: true })
}

function damaged(fact: string): SynclineError {
  return new SynclineError('backup_damaged', fact)
}
