import { randomInt } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MemoryLog, openLevelLog } from '@syncline/server'
import { Level } from 'level'
import { logConformance } from './log.js'

logConformance('MemoryLog', async () => {
  const log = new MemoryLog()
  return { log, close: () => log.close() }
})

logConformance('LevelLog', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'syncline-log-'))
  let log = await openLevelLog(directory)
  const whileClosed = async (action: () => Promise<void>) => {
    await log.close()
    await action()
    log = await openLevelLog(directory)
  }
  return {
    get log() {
      return log
    },
    reopen: () => whileClosed(async () => {}),
    damage: (document, position) => whileClosed(() => flipBit(join(directory, 'log'), document, position)),
    async close() {
      await log.close()
      await rm(directory, { recursive: true })
    },
  }
})

async function flipBit(location: string, document: string, position: number): Promise<void> {
  const database = new Level<Buffer, Buffer>(location, { keyEncoding: 'buffer', valueEncoding: 'buffer' })
  const key = Buffer.concat([Buffer.from(`r${document}\0`), Buffer.alloc(8)])
  key.writeBigUInt64BE(BigInt(position), key.length - 8)
  const value = Buffer.from((await database.get(key))!)
  const bit = randomInt(8 * value.length)
  console.log(`bit ${bit} of record ${position} of ${document} is flipped: ${value.toString('hex')}`)
  value[bit >> 3]! ^= 1 << (bit & 7)
  await database.put(key, value, { sync: true })
  await database.close()
}
