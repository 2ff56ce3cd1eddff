import { randomInt } from 'node:crypto'
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { Chance } from '../support/sessions.js'
import type { NameRules } from './powercut/disk.js'
import type { Entry, Operation } from './powercut/journal.js'
import { Past, scratch } from './powercut/past.js'
import { compileRecorder, withoutRecorder } from './powercut/recorder.js'
import { Recording, type RecordingOptions } from './powercut/recording.js'

const cuts = Number(process.env.SYNCLINE_CUTS ?? 2_000)
const seed = Number(process.env.SYNCLINE_SEED ?? randomInt(2 ** 31))
const rules = (process.env.SYNCLINE_NAME_RULES ?? 'ordered') as NameRules
const KiB = 1024

function newPlace(): string {
  const place = realpathSync(mkdtempSync(join(scratch, 'syncline-power-')))
  onTestFinished(() => rmSync(place, { recursive: true, force: true }))
  return place
}

async function record(options: RecordingOptions): Promise<Recording> {
  const recording = new Recording(newPlace())
  await recording.run(options)
  return recording
}

/** After how many entries to cut: half of the cuts where names change, half anywhere. */
function drawCuts(entries: readonly Entry[], count: number, chance: Chance): number[] {
  const special = entries.flatMap(({ operation }, index) => (changesNames(operation) ? [index] : []))
  const draw = (_: unknown, cut: number) =>
    cut % 2 === 0 ? chance.pick(special) + chance.int(4) : 1 + chance.int(entries.length)
  return Array.from({ length: count }, draw)
    .map((cut) => Math.min(cut, entries.length))
    .sort((a, b) => a - b)
}

function changesNames({ type }: Operation): boolean {
  return ['open', 'makeDirectory', 'rename', 'link', 'unlink'].includes(type)
}

/** Cuts the power, time after time; returns what is lost, and what was not recorded. */
async function cutPower(recording: Recording, count: number, chance: Chance, entries = recording.entries()) {
  const faults = recording.unexplainedFiles().map((path) => `${path} is not as the journal tells`)
  const past = new Past(recording, rules, entries)
  const drawn = drawCuts(entries, count, chance)
  for (const cut of drawn) {
    past.goOn(cut)
    for (const fault of await past.lostByCut(chance)) faults.push(`after ${cut} entries: ${fault}`)
  }
  const { acknowledged } = recording
  console.info(
    `${drawn.length} cuts, ${entries.length} operations, ${acknowledged} acknowledged: ${faults.length} faults`,
  )
  return faults
}

function shareOf(share: number): number {
  return Math.ceil(share * cuts)
}

const typists = [
  { documents: ['a', 'b'], inFlightMax: 3 },
  { documents: ['b', 'c'], inFlightMax: 1 },
]
const timeoutMs = 60_000 + cuts * 500

describe.skipIf(withoutRecorder)('a power cut', () => {
  beforeAll(() => {
    compileRecorder()
    console.info(`seed ${seed}: SYNCLINE_SEED=${seed} npx vitest run test/crash/power-cut.test.ts`)
  })

  test('loses nothing of what is typed, whatever was on its way to the disk', { timeout: timeoutMs }, async () => {
    const chance = new Chance(seed)
    const dieAt = (entries: number) => 1 + chance.int(entries)
    const lives = [
      { acks: 700 },
      { acks: 700, dieAt: dieAt(500) },
      { acks: 300 },
      { acks: 1, dieAt: dieAt(30) },
      { acks: 300 },
    ]
    const recording = await record({ chance, lives, writers: typists })
    expect(await cutPower(recording, shareOf(0.5), chance)).toEqual([])
  })

  test('loses nothing while tables are written and merged', { timeout: timeoutMs }, async () => {
    const chance = new Chance(seed + 1)
    const lives = [{ acks: 150 }, { acks: 150 }, { acks: 20 }]
    const recording = await record({ chance, lives, writers: typists, size: () => chance.int(40 * KiB) })
    expect(await cutPower(recording, shareOf(0.1), chance)).toEqual([])
  })

  test('loses nothing after a sync that failed', { timeout: timeoutMs }, async () => {
    const chance = new Chance(seed + 2)
    for (let round = 0; round < 5; round++) {
      const lives = [{ acks: 60, failSync: 30 + chance.int(30) }, { acks: 30 }]
      const recording = await record({ chance, lives, writers: typists })
      expect(await cutPower(recording, shareOf(0.03), chance)).toEqual([])
    }
  })

  test('loses nothing that a relay had found in a file which nobody had synced', { timeout: timeoutMs }, async () => {
    const chance = new Chance(seed + 3)
    for (let round = 0; round < 6; round++) {
      // its first 60 entries are those of its start
      const lives = [{ acks: 30 }, { acks: 300, dieAt: 60 + chance.int(60) }, { acks: 5 }]
      const recording = await record({ chance, lives, writers: typists })
      expect(await cutPower(recording, shareOf(0.02), chance)).toEqual([])
    }
  })

  test('loses nothing while a relay comes back from another power cut', { timeout: timeoutMs }, async () => {
    const chance = new Chance(seed + 4)
    const first = await record({ chance, lives: [{ acks: 100 }, { acks: 30 }], writers: typists })
    const entries = first.entries()
    for (let round = 0; round < 6; round++) {
      const past = new Past(first, rules)
      past.goOn(Math.floor(entries.length * (0.2 + 0.8 * chance.next())))
      const place = newPlace()
      past.cut(join(place, 'disk'), chance)
      const second = new Recording(place, past.told)
      await second.run({ chance, lives: [{ acks: 10 }], writers: typists })
      expect(await cutPower(second, shareOf(0.025), chance)).toEqual([])
    }
  })

  test('on a disk whose syncs do nothing is found out', { timeout: timeoutMs }, async () => {
    const chance = new Chance(seed + 5)
    const recording = await record({ chance, lives: [{ acks: 50 }], writers: typists })
    const entries = recording.entries().map(({ operation, end }) => ({ operation: withoutSync(operation), end }))
    expect(await cutPower(recording, 50, chance, entries)).not.toEqual([])
  })
})

function withoutSync(operation: Operation): Operation {
  return operation.type === 'synced' ? { ...operation, ok: false } : operation
}
