import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Append, chainAfter, type LogRecord, type StoredDocument } from '@syncline/protocol'
import { openLevelLog } from '@syncline/server'
import { Level } from 'level'
import { onTestFinished } from 'vitest'
import * as Y from 'yjs'
import { RelayProcess, type RelayProcessOptions, synclineOneFile } from '../support/relay.js'
import { within } from '../support/until.js'

/** A directory that goes with the test. */
export function emptyDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'syncline-cli-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** What a command said, and its exit code. */
export interface Said {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Runs `syncline` as it was built last, to its end. */
export async function syncline(...args: readonly string[]): Promise<Said> {
  return ended(startSyncline(...args))
}

/** Starts `syncline`; it ends with the test. */
export function startSyncline(...args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, [synclineOneFile, ...args], { env: { PATH: process.env.PATH }, cwd: tmpdir() })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

/** Waits for the end of a command. */
export async function ended(child: ChildProcess): Promise<Said> {
  let out = ''
  let err = ''
  child.stdout!.on('data', (bytes) => {
    out += bytes
  })
  child.stderr!.on('data', (bytes) => {
    err += bytes
  })
  const [code] = await within('the command to end', once(child, 'close'), 30_000)
  return { code, out, err }
}

/** The real relay, for one test. */
export async function startRelay(options: RelayProcessOptions = {}): Promise<RelayProcess> {
  const relay = new RelayProcess(options)
  onTestFinished(() => relay.stop())
  await relay.start()
  return relay
}

/** Documents whose text grows by a word with each record. */
export class Writing {
  readonly #docs = new Map<string, Y.Doc>()
  readonly #heads = new Map<string, LogRecord>()
  readonly epoch: string

  constructor(epoch = '00c0ffee00c0ffee') {
    this.epoch = epoch
  }

  next(document: string, word: string): Append {
    const doc = this.#docs.get(document) ?? new Y.Doc()
    this.#docs.set(document, doc)
    const before = Y.encodeStateVector(doc)
    doc.getText().insert(doc.getText().length, word)
    const runs = [{ author: 'ada', update: Y.encodeStateAsUpdate(doc, before) }]
    const last = this.#heads.get(document) ?? { position: 0, chain: 0 }
    const record = { position: last.position + 1, chain: chainAfter(last.chain, runs), time: 1_767_225_600_000, runs }
    this.#heads.set(document, record)
    return { document, epoch: this.epoch, record }
  }

  /** the document as an update */
  all(document: string): Uint8Array {
    return Y.encodeStateAsUpdate(this.#docs.get(document)!)
  }

  point(document: string) {
    const { position, chain } = this.#heads.get(document)!
    return { epoch: this.epoch, position, chain }
  }

  text(document: string): string {
    return this.#docs.get(document)!.getText().toString()
  }
}

/** The text of a document as it is stored. */
export function textOf(stored: StoredDocument | null, root = ''): string {
  const doc = new Y.Doc()
  if (stored?.base) Y.applyUpdate(doc, stored.base)
  for (const { position, runs } of stored?.records ?? []) {
    if (position > stored!.basePosition) for (const { update } of runs) Y.applyUpdate(doc, update)
  }
  if (doc.store.pendingStructs) throw new Error('what is stored refers to something that is missing')
  return doc.getText(root).toString()
}

/** Runs something on the log of a directory that nobody has open. */
export async function withLog<T>(
  directory: string,
  run: (log: Awaited<ReturnType<typeof openLevelLog>>) => Promise<T>,
): Promise<T> {
  const log = await openLevelLog(directory)
  try {
    return await run(log)
  } finally {
    await log.close()
  }
}

/** A raw handle on the database of a data directory. */
export type Raw = Level<Buffer, Buffer>

/** Runs something behind the log's back. */
export async function withRaw<T>(directory: string, run: (raw: Raw) => Promise<T>): Promise<T> {
  const raw: Raw = new Level(join(directory, 'log'), { keyEncoding: 'buffer', valueEncoding: 'buffer' })
  try {
    return await run(raw)
  } finally {
    await raw.close()
  }
}

/** The key of a value that a document has at a position. */
export function keyAt(space: 'r' | 'h' | 'b', document: string, position: number): Buffer {
  const key = Buffer.concat([Buffer.from(`${space}${document}\0`), Buffer.alloc(space === 'b' ? 12 : 8)])
  key.writeBigUInt64BE(BigInt(position), 1 + Buffer.byteLength(document) + 1)
  return key
}

/** Flips a bit of a stored value. */
export async function flip(directory: string, key: Buffer, byte: number, bit = 0): Promise<void> {
  await withRaw(directory, async (raw) => {
    const value = Buffer.from((await raw.get(key))!)
    value[byte < 0 ? value.length + byte : byte]! ^= 1 << bit
    await raw.put(key, value, { sync: true })
  })
}
