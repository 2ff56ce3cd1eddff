import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { Gate } from './gate.js'

const state = (gate: Gate) => new Int32Array(gate.memory)

const isGone = () => false

describe('a gate', () => {
  test('is shut only after what holds it, also where that fails', async () => {
    const gate = new Gate()
    const [held, shut] = [1, 2]
    state(gate)[0] = held
    let isShut = false
    const shutting = gate.shut(isGone).then(() => {
      isShut = true
    })
    await setTimeout(5)
    expect(isShut).toBe(false)
    state(gate)[0] = 0
    await shutting
    expect([isShut, state(gate)[0]]).toEqual([true, shut])

    const left = new Gate()
    state(left)[0] = held
    await left.shut(() => true)

    const other = new Gate()
    const failing = () => {
      throw new Error('no')
    }
    expect(() => other.hold(failing)).toThrow('no')
    expect(other.hold(() => 7)).toBe(7)
    await other.shut(isGone)
  })

  test('lets nothing through that is shut: the thread waits for its end', async () => {
    const gate = new Gate()
    await gate.shut(isGone)
    // by the letter of `hold`, since a thread of a test cannot load TypeScript
    const program = `
      const { parentPort, workerData } = require('node:worker_threads')
      const state = new Int32Array(workerData)
      parentPort.postMessage('here')
      if (Atomics.compareExchange(state, 0, 0, 1) === 2) Atomics.wait(state, 0, 2)
      parentPort.postMessage('through')`
    const worker = new Worker(program, { eval: true, workerData: gate.memory })
    const heard: unknown[] = []
    worker.on('message', (message) => heard.push(message))
    await once(worker, 'message')
    await worker.terminate()
    expect(heard).toEqual(['here'])
  })
})
