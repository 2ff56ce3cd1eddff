import { createServer, type Server } from 'node:http'
import { chainAfter, type Log, type StoredDocument } from '@syncline/protocol'
import { MemoryLog } from '../log/memory.js'
import type { Logger } from '../logger.js'
import { Relay } from '../relay.js'
import { madeUpUpdate } from './madeUp.js'
import { Visitor } from './visitor.js'

// measured: after less of them a part is compiled while somebody waits, more only take time
const visits = 8
const structs = 600
const deletions = 600
// whatever the machine is like, the relay does not wait longer for visits
const msMaxDefault = 300

const epoch = '0000000000000001'
const name = 'rehearsal'
const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} }

/**
 * Has a document that it makes up opened some times, by visitors of a relay of its own: all of that is in memory, and
 * gone when it resolves. A process that was just started has compiled nothing, and would take 35 ms longer for a first
 * document of 200 KB, while all who were there before are coming back.
 *
 * Only after whatever transfers a buffer to another thread for the first time: V8 drops what it has compiled for byte
 * arrays then.
 *
 * @param msMax after so long nobody visits any more
 * @returns how many visitors were sent the document
 */
export async function rehearse(msMax = msMaxDefault): Promise<number> {
  const until = performance.now() + msMax
  const update = madeUpUpdate(structs, deletions)
  const server = createServer()
  const relay = new Relay(await logOf(update), { logger: silent })
  relay.attach(server)
  try {
    let opened = 0
    while (opened < visits && (await isOpened(server, `${opened}`, update.length, until))) opened++
    return opened
  } finally {
    await relay.close()
  }
}

async function logOf(update: Uint8Array): Promise<Log> {
  const log = new RehearsalLog()
  const runs = [{ author: '', update }]
  const record = { position: 1, chain: chainAfter(0, runs), time: 0, runs }
  await log.commit([{ document: name, epoch, record }])
  return log
}

/** A log that has one document under every name: a room stays for a while, so that each is opened once only. */
class RehearsalLog extends MemoryLog {
  override async read(): Promise<StoredDocument | null> {
    const stored = await super.read(name)
    // what is read from disk is checked like this
    for (const { runs } of stored?.records ?? []) chainAfter(0, runs)
    return stored
  }
}

async function isOpened(server: Server, document: string, bytes: number, until: number): Promise<boolean> {
  const msLeft = until - performance.now()
  if (msLeft <= 0) return false
  const visitor = new Visitor(document, bytes)
  const late = setTimeout(() => visitor.destroy(), msLeft)
  try {
    return await visitor.visit(server)
  } finally {
    clearTimeout(late)
    visitor.destroy()
  }
}
