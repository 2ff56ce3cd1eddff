import { constants } from 'node:fs'
import { copyFile, mkdtemp, open, readdir, rm, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { SynclineError } from '@syncline/protocol'
import { type Source, type SourceContent, type SourceDocument, sourceBytesMax } from './source.js'

type Sqlite = typeof import('node-sqlite3-wasm')
type Database = InstanceType<Sqlite['Database']>

const magic = 'SQLite format 3\0'
// what SQLite has beside a database that was not closed: committed pages that are not in it yet, and what a transaction
// that did not end has overwritten
const companions = ['', '-wal', '-journal']
const copyMark = 'import.tmp-'
const pageRows = 500

/**
 * Opens a database that @hocuspocus/extension-sqlite wrote. It is read from a copy in the work directory: so what a
 * crash left in the write-ahead file or the journal beside it is honoured, and the database stays as it is.
 *
 * @throws SynclineError `unreadable_source`
 */
export async function openHocuspocusSqlite(file: string): Promise<Source> {
  await assertSqlite(file)
  return new HocuspocusSqlite(file, await stateOf(file))
}

class HocuspocusSqlite implements Source {
  readonly #file: string
  readonly #state: string
  #database: Database | null = null
  #copy: string | null = null

  constructor(file: string, state: string) {
    this.#file = file
    this.#state = state
  }

  async *documents(workDirectory: string): AsyncGenerator<SourceDocument> {
    const database = await this.#open(workDirectory)
    for (let last: number | bigint = -(2n ** 63n); ; ) {
      const rows = attempt('The list of documents', () =>
        database.all(
          `SELECT rowid AS id, name FROM "documents" WHERE rowid > ? ORDER BY rowid LIMIT ${pageRows}`,
          last,
        ),
      )
      if (rows.length === 0) return
      for (const { id, name } of rows) {
        last = id as number | bigint
        yield { name: String(name), read: async () => read(database, id as number | bigint) }
      }
    }
  }

  async assertWhole(): Promise<void> {
    if ((await stateOf(this.#file)) === this.#state) return
    const fact = `${this.#file} has changed meanwhile: stop the server that writes into it, and run this again`
    throw new SynclineError('unreadable_source', fact)
  }

  async close(): Promise<void> {
    this.#database?.close()
    if (this.#copy !== null) await rm(this.#copy, { recursive: true, force: true })
  }

  async #open(workDirectory: string): Promise<Database> {
    await removeCopies(workDirectory)
    this.#copy = await mkdtemp(join(workDirectory, copyMark))
    const copy = join(this.#copy, 'database')
    await copyDatabase(this.#file, copy)
    await this.assertWhole()
    // only here: it takes a while to load, and hardly anybody needs it
    const { Database } = createRequire(import.meta.url)('node-sqlite3-wasm') as Sqlite
    const database = attempt(this.#file, () => new Database(copy, { fileMustExist: true }))
    this.#database = database
    attempt(this.#file, () => {
      database.exec('PRAGMA locking_mode = EXCLUSIVE') // the only one in which it reads a write-ahead file
      const columns = database.all(`SELECT name FROM pragma_table_info('documents')`).map(({ name }) => name)
      if (!columns.includes('name') || !columns.includes('data')) {
        throw new Error('It has no table "documents" with "name" and "data", so it is not one of Hocuspocus')
      }
    })
    return database
  }
}

function read(database: Database, id: number | bigint): SourceContent {
  const size = attempt('The document', () =>
    database.get('SELECT length(data) AS bytes FROM documents WHERE rowid = ?', id),
  )
  if (Number(size?.bytes) > sourceBytesMax) throw new SynclineError('document_too_large', `It has ${size?.bytes} bytes`)
  const row = attempt('The document', () => database.get('SELECT data FROM documents WHERE rowid = ?', id))
  if (!(row?.data instanceof Uint8Array)) throw new SynclineError('malformed_update', 'The column "data" has no bytes')
  return { updates: [row.data], hasMetadata: false }
}

async function copyDatabase(from: string, to: string): Promise<void> {
  for (const suffix of companions) {
    await copyFile(from + suffix, to + suffix, constants.COPYFILE_FICLONE).catch((error: NodeJS.ErrnoException) => {
      if (suffix === '' || error.code !== 'ENOENT') throw error
    })
  }
}

/** What an import that was killed left. Nobody else works in this directory. */
async function removeCopies(workDirectory: string): Promise<void> {
  for (const name of await readdir(workDirectory)) {
    if (name.startsWith(copyMark)) await rm(join(workDirectory, name), { recursive: true, force: true })
  }
}

async function assertSqlite(file: string): Promise<void> {
  const start = Buffer.alloc(magic.length)
  try {
    const handle = await open(file)
    try {
      await handle.read(start, 0, start.length, 0)
    } finally {
      await handle.close()
    }
  } catch (error) {
    throw sourceError(`${file} cannot be read: ${(error as Error).message}`, error)
  }
  if (start.toString('latin1') === magic) return
  throw new SynclineError('unreadable_source', `${file} is no SQLite database`)
}

/** Differs where the database has been written to. */
async function stateOf(file: string): Promise<string> {
  const states = companions.map((suffix) =>
    stat(file + suffix, { bigint: true }).then(
      ({ size, mtimeNs }) => `${size} ${mtimeNs}`,
      () => 'none',
    ),
  )
  return (await Promise.all(states)).join(', ')
}

function attempt<Result>(what: string, run: () => Result): Result {
  try {
    return run()
  } catch (error) {
    throw sourceError(`${what} cannot be read: ${(error as Error).message}`, error)
  }
}

function sourceError(fact: string, cause: unknown): SynclineError {
  return Object.assign(new SynclineError('unreadable_source', fact), { cause })
}
