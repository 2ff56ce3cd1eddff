// What runs on the compaction thread. It answers each job before it takes the next one.
import './priority.js'
import { parentPort } from 'node:worker_threads'
import { packSync } from '../log/packing.js'
import { CollectMismatch, collect } from './collect.js'
import { type Answer, type Job, unpackJob } from './job.js'

if (parentPort === null) throw new Error('This is the entry of a worker thread')
const port = parentPort
port.on('message', (job: Job) => {
  const answer = answerTo(job)
  port.postMessage(answer, transferred(answer))
})

/** What does not get smaller is packed as itself. */
function transferred(answer: Answer): ArrayBuffer[] {
  if (!('base' in answer)) return []
  const buffers = new Set([answer.base.buffer, answer.packed.bytes.buffer as ArrayBuffer])
  return [...buffers]
}

function answerTo(job: Job): Answer {
  try {
    const base = collect(unpackJob(job))
    // encoded by Yjs into a buffer of its own
    return { base: base as Uint8Array<ArrayBuffer>, packed: packSync(base) }
  } catch (error) {
    if (error instanceof CollectMismatch) return { code: 'compaction_mismatch', reason: error.message }
    return { code: 'compaction_failed', reason: String(error) }
  }
}
