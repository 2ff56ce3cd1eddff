import type { Log } from '@syncline/protocol'
import { keepsNotes } from '../log/notes.js'
import { asidesIn, describeAside, noAside } from './asides.js'
import { NewsLog } from './newsLog.js'
import type { WebhookStatus } from './webhooks.js'

/** What waits, and what was given up, in a log that no relay has open. */
export async function statusStopped(log: Log): Promise<WebhookStatus> {
  let pending = 0
  if (keepsNotes(log)) for await (const _ of log.notes('news')) pending++
  return { pending, setAside: (await asidesIn(log)).map(describeAside) }
}

/** Takes up again what was given up: the relay tells it when it runs. */
export async function replayStopped(
  log: Log,
  concerns: (document: string) => boolean,
): Promise<{ readonly replayed: number }> {
  const nobody = { concerns: () => false, told() {}, now: () => 0 }
  const news = new NewsLog(log, {
    ...nobody,
    exception: (error) => {
      throw error
    },
  })
  let replayed = 0
  for (const aside of await asidesIn(log)) {
    if (!concerns(aside.document)) continue
    await news.renew(aside.document, aside.facts, [noAside(aside)])
    replayed++
  }
  return { replayed }
}
