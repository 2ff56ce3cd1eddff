// A process that does one thing with a data directory, and is killed at one of its steps: before or after the file
// operation or the write to LevelDB that the number says. It tells how many steps there were where it gets to the end.
import { promises } from 'node:fs'
import { open } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { Level } from 'level'
import { openLevelLog } from '../../packages/server/src/log/level.js'
import { repairLog } from '../../packages/server/src/log/maintenance.js'
import { restoreBackup } from '../../packages/server/src/log/restore.js'
import { compactNotes, importFrom } from './changes.js'

const [operation, data, other, killAt] = process.argv.slice(2) as [string, string, string, string]
const time = 1_767_225_600_000
const options = { time, newEpoch: () => 'eeeeeeeeeeeeeeee' }
let steps = 0
let isArmed = false

await watchFiles()
await watchLevel()
await run()
process.stdout.write(`${steps}\n`)

async function run(): Promise<void> {
  if (operation === 'restore') {
    isArmed = true
    await restoreBackup(other, data, options)
  } else if (operation === 'repair') {
    isArmed = true
    await repairLog(data, options, async () => {})
  } else {
    const log = await openLevelLog(data)
    isArmed = true
    if (operation === 'delete') await log.remove('notes', time)
    if (operation === 'create') await log.create('deleted', 'aaaaaaaaaaaaaaaa')
    if (operation === 'backup') await log.backUp(other, time)
    if (operation === 'compact') await compactNotes(log)
    if (operation === 'import') await importFrom(other, log, data)
    isArmed = false
    await log.close()
  }
}

function step(): void {
  if (isArmed && ++steps === Number(killAt)) process.kill(process.pid, 'SIGKILL')
}

// biome-ignore lint/suspicious/noExplicitAny: any method of anything
function watch(target: any, methods: readonly string[]): void {
  for (const method of methods) {
    const original = target[method]
    target[method] = async function (...args: unknown[]) {
      step()
      const result = await original.apply(this, args)
      step()
      return result
    }
  }
}

async function watchFiles(): Promise<void> {
  const handle = await open(process.execPath)
  watch(Object.getPrototypeOf(handle), ['write', 'sync'])
  await handle.close()
  watch(promises, ['copyFile', 'cp', 'mkdir', 'mkdtemp', 'open', 'rename', 'rm', 'rmdir'])
  syncBuiltinESMExports()
}

/** All that writes, in LevelDB's own prototypes; a chained batch is only made once its database is open. */
async function watchLevel(): Promise<void> {
  const prototype = Level.prototype
  watch(prototype, ['_put', '_clear'])
  const { _chainedBatch } = prototype as unknown as { _chainedBatch: () => object }
  let isWatched = false
  Object.assign(prototype, {
    _chainedBatch(this: unknown) {
      const batch = _chainedBatch.call(this)
      if (!isWatched) watch(Object.getPrototypeOf(batch), ['_write'])
      isWatched = true
      return batch
    },
  })
}
