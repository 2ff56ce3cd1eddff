// A process that commits to a log and tells on stdout, a line each and written at once, what is on disk.
import { spawnSync } from 'node:child_process'
import { writeSync } from 'node:fs'
import { openLevelLog } from '../../packages/server/src/log/level.js'
import { Writer } from './writer.js'

const [story, directory, seed] = process.argv.slice(2) as [string, string, string]
const tell = (line: unknown) => writeSync(1, `${JSON.stringify(line)}\n`)
const codeOf = (error: unknown) => (error as { code?: string }).code ?? String(error)

const log = await openLevelLog(directory)
const writer = await Writer.on(log, Number(seed))
await (story === 'until killed' ? untilKilled() : pastAFullDisk())

async function untilKilled(): Promise<never> {
  for (;;) tell(await writer.commit())
}

/** Started with a limit to the size of files, lifted after the first failure: then LevelDB itself would go on. */
async function pastAFullDisk(): Promise<void> {
  const attempt = () => writer.commit().catch(codeOf)
  let outcome = await attempt()
  for (; typeof outcome !== 'string'; outcome = await attempt()) tell(outcome)
  tell(outcome)
  const lifted = spawnSync('prlimit', [`--pid=${process.pid}`, '--fsize=unlimited'])
  if (lifted.status !== 0) throw new Error(`prlimit: ${lifted.stderr}`)
  for (let i = 0; i < 10; i++) tell(await attempt())
  tell(await log.read('document 0').catch(codeOf))
  await log.close()

  const again = await openLevelLog(directory)
  const recovered = await Writer.on(again, Number(seed) + 1)
  for (let i = 0; i < 200; i++) tell(await recovered.commit())
  process.kill(process.pid, 'SIGKILL')
}
