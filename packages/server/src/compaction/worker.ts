// What runs on the compaction thread. It answers each job before it takes the next one.
import { constants, setPriority } from 'node:os'
import { parentPort } from 'node:worker_threads'
import { CollectMismatch, collect } from './collect.js'
import { type Answer, type Job, unpackJob } from './job.js'

if (parentPort === null) throw new Error('This is the entry of a worker thread')
const port = parentPort
// whoever waits for a commit goes first; elsewhere than on Linux, threads have no priority of their own
if (process.platform === 'linux') setPriority(constants.priority.PRIORITY_BELOW_NORMAL)
port.on('message', (job: Job) => {
  const answer = answerTo(job)
  port.postMessage(answer, 'base' in answer ? [answer.base.buffer] : [])
})

function answerTo(job: Job): Answer {
  try {
    const base = collect(unpackJob(job))
    // encoded by Yjs into a buffer of its own
    return { base: base as Uint8Array<ArrayBuffer> }
  } catch (error) {
    if (error instanceof CollectMismatch) return { code: 'compaction_mismatch', reason: error.message }
    return { code: 'compaction_failed', reason: String(error) }
  }
}
