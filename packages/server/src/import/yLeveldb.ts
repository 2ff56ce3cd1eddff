import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { joinBytes, SynclineError } from '@syncline/protocol'
import { Level } from 'level'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { findWriteAheadFaults, type WriteAheadFault } from '../log/writeAhead.js'
import { type Source, type SourceContent, type SourceDocument, sourceBytesMax } from './source.js'

type Database = Level<Uint8Array, Uint8Array>

// y-leveldb's keys are lists, written one part after the other: strings as 0 and lib0's varString, numbers as 1 and four
// bytes. Those of a document begin with 'v1' and its name, and go on with 'update' and a number, or 'meta' and a key.
const stringMark = 0
const spaceStart = keyOf('v1')
const spaceEnd = keyOf('v2') // strings sort by their lengths first
const pastAll = 0xff // more than any mark
const readChunk = 1_000

/**
 * Opens a database that y-leveldb 0.1 or 0.2 wrote, for y-websocket's server for example. LevelDB tidies up its files as
 * it opens them; the documents stay as they are.
 *
 * @throws SynclineError `unreadable_source`, `data_in_use`
 */
export async function openYLeveldb(directory: string): Promise<Source> {
  // LevelDB would make the directory before it finds that there is no database in it
  await access(join(directory, 'CURRENT')).catch(() => {
    throw new SynclineError('unreadable_source', `${directory} is no LevelDB database`)
  })
  const dropped = (await findWriteAheadFaults(directory)).filter(({ isEnd }) => !isEnd)
  const database: Database = new Level(directory, { keyEncoding: 'view', valueEncoding: 'view' })
  try {
    await database.open({ createIfMissing: false })
  } catch (error) {
    throw openError(error, directory)
  }
  const source = new YLeveldb(database, dropped)
  await source.assertUsed(directory)
  return source
}

class YLeveldb implements Source {
  readonly #database: Database
  readonly #dropped: readonly WriteAheadFault[]

  /** @param dropped what LevelDB has left out as it opened the database */
  constructor(database: Database, dropped: readonly WriteAheadFault[]) {
    this.#database = database
    this.#dropped = dropped
  }

  /** An empty database is as good as any; one that has something else in it is a mistake. */
  async assertUsed(directory: string): Promise<void> {
    if ((await this.#firstKey(spaceStart)) !== null) return
    const [any] = await this.#database.keys({ limit: 1 }).all()
    if (any === undefined) return
    await this.close()
    throw new SynclineError('unreadable_source', `${directory} is a LevelDB database, but not one of y-leveldb`)
  }

  async *documents(): AsyncGenerator<SourceDocument> {
    for (let key = await this.#firstKey(spaceStart); key !== null; ) {
      const { name, start } = documentOf(key)
      yield { name, read: () => this.#read(start) }
      key = await this.#firstKey(joinBytes([start, Uint8Array.of(pastAll)]))
    }
  }

  async assertWhole(): Promise<void> {
    if (this.#dropped.length > 0) {
      const places = this.#dropped.map(({ file, offset }) => `${file} at byte ${offset}`).join(', ')
      throw new SynclineError('unreadable_source', `Bytes have changed since they were written: ${places}`)
    }
    // LevelDB passes over a damaged block without a word, and tells only who reads on to the end
    const keys = this.#database.keys({ gte: spaceStart, lt: spaceEnd })
    try {
      while ((await keys.nextv(readChunk)).length > 0);
    } catch (error) {
      throw readError(error)
    } finally {
      await keys.close()
    }
  }

  async close(): Promise<void> {
    await this.#database.close()
  }

  async #firstKey(from: Uint8Array): Promise<Uint8Array | null> {
    try {
      const [key] = await this.#database.keys({ gte: from, lt: spaceEnd, limit: 1 }).all()
      return key ?? null
    } catch (error) {
      throw readError(error)
    }
  }

  async #read(start: Uint8Array): Promise<SourceContent> {
    try {
      const [metadata] = await this.#database.keys({ ...rangeOf(start, 'meta'), limit: 1 }).all()
      return { updates: await this.#updates(start), hasMetadata: metadata !== undefined }
    } catch (error) {
      throw readError(error)
    }
  }

  async #updates(start: Uint8Array): Promise<Uint8Array[]> {
    const updates: Uint8Array[] = []
    let bytes = 0
    const values = this.#database.values(rangeOf(start, 'update'))
    try {
      for (;;) {
        const chunk = await values.nextv(readChunk)
        if (chunk.length === 0) return updates
        for (const update of chunk) bytes += update.length
        if (bytes > sourceBytesMax) throw new SynclineError('document_too_large', `It has more than ${bytes} bytes`)
        updates.push(...chunk)
      }
    } finally {
      await values.close()
    }
  }
}

function keyOf(...parts: readonly string[]): Uint8Array {
  const encoder = encoding.createEncoder()
  for (const part of parts) {
    encoding.writeUint8(encoder, stringMark)
    encoding.writeVarString(encoder, part)
  }
  return encoding.toUint8Array(encoder)
}

/** The name in a key, and what all keys of that document start with. */
function documentOf(key: Uint8Array): { readonly name: string; readonly start: Uint8Array } {
  try {
    const decoder = decoding.createDecoder(key)
    decoder.pos = spaceStart.length
    if (decoding.readUint8(decoder) !== stringMark) throw new Error('No string follows')
    const name = decoding.readVarString(decoder)
    return { name, start: key.slice(0, decoder.pos) }
  } catch (error) {
    throw sourceError(`It has a key that y-leveldb does not write: ${Buffer.from(key).toString('hex')}`, error)
  }
}

function rangeOf(start: Uint8Array, part: 'update' | 'meta') {
  const gte = joinBytes([start, keyOf(part)])
  return { gte, lt: joinBytes([gte, Uint8Array.of(pastAll)]) }
}

function openError(error: unknown, directory: string): SynclineError {
  const cause = (error as Error).cause ?? error // what LevelDB says is the cause of what its wrapper says
  const { code, message } = cause as { readonly code?: unknown; readonly message: string }
  if (code === 'LEVEL_LOCKED') return new SynclineError('data_in_use', `The database in ${directory} is locked`)
  return sourceError(`The database in ${directory} cannot be opened: ${message}`, cause)
}

function readError(error: unknown): SynclineError {
  if (error instanceof SynclineError) return error
  return sourceError(`LevelDB cannot read it: ${(error as Error).message}`, error)
}

function sourceError(fact: string, cause: unknown): SynclineError {
  return Object.assign(new SynclineError('unreadable_source', fact), { cause })
}
