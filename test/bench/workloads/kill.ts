import { Progress } from '../progress.js'
import { pace, sleep, type Trial } from '../trial.js'
import { documentOf, textName, typing } from '../updates.js'
import type { Workload } from './workload.js'

const perSecond = 50

/** The server dies while someone types: how much of what it had acknowledged, or shown to somebody, is gone? */
export const kill: Workload = {
  name: 'kill',
  title: 'kill -9 while one types 50 characters a second',
  metrics: [
    { key: 'lost', label: 'acknowledged or shown, and lost', unit: 's of work' },
    { key: 'updates', label: 'updates lost', unit: '' },
  ],
  isLocal: true,
  rounds: 1,
  skips: ({ keeps }) => !keeps,
  async run(trial) {
    const updates = typing(1, Math.round(perSecond * trial.pick(4, 1)))
    let shown = 0
    const progress = new Progress()
    const audience = trial.connect('killed')
    audience.onUpdate = (update) => {
      progress.take(update, (_client, _from, to) => {
        shown = to
      })
    }
    await audience.joined
    const writer = await trial.join('killed')
    await pace(updates.length, (updates.length * 1000) / perSecond, (i) => writer.write(updates[i]!))
    const promised = Math.max(shown, writer.savedCount)
    await trial.server.kill()
    await trial.end()
    await trial.server.start()
    const kept = await readLength(trial)
    const lost = Math.max(0, promised - kept)
    return { lost: lost / perSecond, updates: lost }
  },
}

/** How much of it a newcomer reads. */
async function readLength(trial: Trial): Promise<number> {
  const updates: Uint8Array[] = []
  const newcomer = trial.connect('killed')
  newcomer.onUpdate = (update) => updates.push(update)
  await newcomer.joined
  await sleep(500) // some servers say that they have sent all before they have read it
  return documentOf(updates).getText(textName).length
}
