import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { chainAfter } from '@syncline/protocol'
import * as encoding from 'lib0/encoding'
import { LoadClient } from './cli/load/client.js'
import { type LevelLog, openLevelLog } from './log/index.js'
import type { Logger } from './logger.js'
import { Relay } from './relay.js'

// measured: after fewer of them a part is compiled while somebody waits, more only take time
const visits = 8
const structs = 1_000
// whatever the disk and the machine are like, the relay does not wait longer for visits
const msMaxDefault = 500

const epoch = '0000000000000001'
const compacted = 'compacted'
// as large as those of real documents: numbers of one byte are read by less code
const client = 2 ** 32 - 1
const clocksBefore = 100_000
const letter = 'a'
// of update v1
const kinds = { deleted: 1, string: 4 } as const
const [origin, rightOrigin, rootType] = [0x80, 0x40, 1]

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} }
const deaf = { update() {}, saved() {}, ended() {} }

/**
 * Has documents that it makes up opened, one after the other, by clients of a relay of its own: with its own log in a
 * temporary directory, on a port of this machine. A process that was just started has compiled nothing, and would take
 * 20 ms longer for a first document of 200 KB, while all who were there before are coming back.
 *
 * Only after whatever transfers a buffer to another thread for the first time: V8 drops what it has compiled for byte
 * arrays then.
 *
 * @param msMax after so long no further document is opened
 * @returns how many documents were opened
 * @throws an error of the system where there is no temporary directory, or no port
 */
export async function rehearse(msMax = msMaxDefault): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'syncline-rehearsal-')) // its owner's alone
  try {
    return await performIn(directory, performance.now() + msMax)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function performIn(directory: string, until: number): Promise<number> {
  const log = await openLevelLog(directory)
  const relay = new Relay(log, { logger: silent })
  const server = createServer()
  relay.attach(server)
  try {
    const documents = await fill(log)
    const url = await listen(server)
    let opened = 0
    for (const document of documents) {
      const msLeft = until - performance.now()
      if (msLeft <= 0 || !(await isOpened(url, document, msLeft))) break
      await log.read(compacted)
      opened++
    }
    return opened
  } finally {
    await relay.close()
    server.close()
  }
}

/** @returns the names of documents: a room stays for a while, so that each is opened once only */
async function fill(log: LevelLog): Promise<string[]> {
  const documents = [compacted, ...Array.from({ length: visits - 1 }, (_, index) => `record ${index}`)]
  const update = someUpdate()
  const runs = [{ author: '', update }]
  const head = { position: 1, chain: chainAfter(0, runs) }
  await log.commit(documents.map((document) => ({ document, epoch, record: { ...head, time: 0, runs } })))
  const replacement = { point: { epoch, ...head }, base: update, keepAfter: 1, keepHistory: false }
  await log.replaceBase(compacted, replacement)
  return documents
}

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function isOpened(url: string, document: string, msMax: number): Promise<boolean> {
  const visitor = new LoadClient(url, document, null, deaf)
  try {
    const update = await Promise.race([visitor.opened, setTimeout(msMax, null, { ref: false })])
    return update !== null
  } finally {
    visitor.leave()
  }
}

/** One person's text, after much that is gone: letters between letters, a third of which are deleted. */
function someUpdate(): Uint8Array {
  return encoding.encode((encoder) => {
    const uints = (...numbers: number[]) => {
      for (const number of numbers) encoding.writeVarUint(encoder, number)
    }
    uints(1, 1 + structs, client, 0)
    uints(kinds.deleted, rootType)
    encoding.writeVarString(encoder, letter)
    uints(clocksBefore)
    for (let index = 0; index < structs; index++) {
      const [isDeleted, isBetween] = [index % 3 === 0, index % 2 === 0]
      encoding.writeUint8(encoder, (isDeleted ? kinds.deleted : kinds.string) | origin | (isBetween ? rightOrigin : 0))
      uints(client, clocksBefore + index - 1)
      if (isBetween) uints(client, index)
      if (isDeleted) uints(1)
      else encoding.writeVarString(encoder, letter)
    }
    uints(1, client, structs / 2)
    for (let index = 0; index < structs / 2; index++) uints(index === 0 ? clocksBefore : 2 * index, 1)
  })
}
