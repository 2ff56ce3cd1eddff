// What runs on the compaction thread. It answers each job before it takes the next one.
import './priority.js'
import { parentPort, workerData } from 'node:worker_threads'
import { SynclineError } from '@syncline/protocol'
import { packSync } from '../log/packing.js'
import { cutBase } from '../log/storedBase.js'
import { CollectMismatch, collect } from './collect.js'
import { Gate } from './gate.js'
import { type Answer, buffersOf, type Job, unpackJob } from './job.js'

if (parentPort === null) throw new Error('This is the entry of a worker thread')
const port = parentPort
const gate = new Gate(workerData)
port.on('message', (job: Job) => {
  const answer = answerTo(job)
  port.postMessage(answer, transferred(answer))
})

function transferred(answer: Answer): ArrayBuffer[] {
  if ('code' in answer) return []
  return [...(answer.update ? [answer.update.buffer] : []), ...buffersOf(answer.base)]
}

function answerTo(job: Job): Answer {
  try {
    const { position, isUpdateWanted } = job
    // encoded by Yjs into a buffer of its own
    const update = collect(gate.hold(() => unpackJob(job))) as Uint8Array<ArrayBuffer>
    const base = position === null ? null : baseAt(position, update)
    return { update: isUpdateWanted ? update : null, base }
  } catch (error) {
    if (error instanceof CollectMismatch) return { code: 'compaction_mismatch', reason: error.message }
    if (error instanceof SynclineError) return { code: error.code, reason: error.message }
    return { code: 'compaction_failed', reason: String(error) }
  }
}

function baseAt(position: number, update: Uint8Array<ArrayBuffer>) {
  const packed = gate.hold(() => packSync(update))
  return cutBase(position, update.length, packed)
}
