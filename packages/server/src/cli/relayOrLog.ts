import { askRelay, type ControlRequest } from '../control/client.js'
import { type LevelLog, openLevelLog } from '../log/index.js'
import { assertLog } from './data.js'

/**
 * Asks the relay that runs on a data directory, or does the same to the log itself where none runs.
 *
 * @throws SynclineError `invalid_option` where there is no log, `data_in_use` where something else has it open
 */
export async function relayOrLog<Answer>(
  data: string,
  asked: ControlRequest,
  run: (log: LevelLog) => Promise<Answer>,
): Promise<Answer> {
  await assertLog(data)
  const answer = await askRelay(data, asked)
  if (answer !== null) return answer as Answer // of a relay of this version
  const log = await openLevelLog(data)
  try {
    return await run(log)
  } finally {
    await log.close()
  }
}
