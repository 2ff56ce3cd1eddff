/** What `npm run bench` runs, after it has installed and built what it needs. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { chartOf } from './chart.js'
import { describeMachine, measureSyncMs, pinOwnProcess } from './machine.js'
import { printProfiles } from './profile.js'
import {
  failureOf,
  figureOf,
  type Results,
  type Round,
  type Rounds,
  ratioOf,
  readResults,
  writeResults,
} from './results.js'
import { benchDirectory, ours, oursForY, type ServerKind, serverKinds } from './servers/kinds.js'
import { Server } from './servers/server.js'
import { markdownOf, rounded, textOf } from './table.js'
import { type Target, Trial } from './trial.js'
import { wires } from './wires/index.js'
import { type Workload, workloads } from './workloads/index.js'

const usage = `npm run bench -- [options]

  --quick               seconds instead of minutes: shows that every workload runs and loses nothing
  --only <workloads>    some of: ${workloads.map(({ name }) => name).join(' ')}
  --servers <names>     those whose names contain one of these, as in: syncline,hocuspocus
  --rounds <number>     default what each workload says, 1 to 3
  --url <ws://…>        a relay that runs already, instead of those that the bench starts
  --wire <name>         what it speaks: ${[...wires.keys()].join(', ')}
  --pid <number>        its process, where it runs on this machine: its CPU is measured too
  --profile             says where the CPU of our relay goes
`

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    servers: { type: 'string' },
    rounds: { type: 'string' },
    url: { type: 'string' },
    wire: { type: 'string', default: 'syncline' },
    pid: { type: 'string' },
    profile: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

// a server that needs so long for a workload, or failed, gets no further round
const roundsMsMax = 25_000

// what is quick or partial says nothing, and is printed only
const isPartial = options.quick || options.profile || options.url !== undefined || options.servers !== undefined

const dataDirectory = join(benchDirectory, 'data')
const resultsDirectory = join(benchDirectory, 'results')
const resultsPath = join(resultsDirectory, 'results.json')
const pagePath = join(benchDirectory, 'README.md')
const runId = Date.now().toString(36)

/** Something to measure: one of our servers, or the one that somebody points at. */
interface Subject {
  readonly name: string
  readonly isCommon: boolean
  readonly keeps: boolean
  readonly kind: ServerKind | null
}

if (options.help) console.log(usage)
else await main()

async function main(): Promise<void> {
  pinOwnProcess()
  mkdirSync(dataDirectory, { recursive: true })
  mkdirSync(resultsDirectory, { recursive: true })
  const [machine, syncMs] = [describeMachine(), measureSyncMs(dataDirectory)]
  console.log(`${machine}; a small durable write takes ${rounded(syncMs)} ms`)
  if (options.quick) console.log('A quick look: everything is small, and the figures mean nothing.')
  const subjects = chosenSubjects()
  const measured: Record<string, Results['workloads'][string]> = {}
  for (const workload of chosenWorkloads()) {
    measured[workload.name] = {
      date: new Date().toISOString().slice(0, 10),
      rounds: await runRounds(workload, subjects),
    }
    printSummary(workload, measured[workload.name]!.rounds)
    keep({ machine, syncMs, workloads: measured })
  }
  if (isPartial) console.log(`\n${markdownOf({ machine, syncMs, workloads: measured }, workloads, ours.name)}`)
  rmSync(dataDirectory, { recursive: true, force: true })
  const failures = Object.values(measured).flatMap(({ rounds }) => Object.values(rounds).map(failureOf))
  // what peers lose is a result; what we lose is a fault
  const own = Object.values(measured).map(({ rounds }) => failureOf(rounds[ours.name] ?? []))
  const isOursAlone = options.url !== undefined
  if ((isOursAlone ? failures : own).some((failure) => failure !== null)) process.exitCode = 1
}

function chosenWorkloads(): readonly Workload[] {
  const names = options.only?.split(',')
  const unknown = names?.filter((name) => !workloads.some((workload) => workload.name === name)) ?? []
  if (unknown.length > 0) throw new Error(`There is no workload ${unknown.join(', ')}\n\n${usage}`)
  return workloads
    .filter(({ name }) => names?.includes(name) ?? true)
    .filter(({ isLocal = false }) => !isLocal || options.url === undefined)
}

function chosenSubjects(): readonly Subject[] {
  if (options.url !== undefined) return [{ name: options.url, isCommon: true, keeps: true, kind: null }]
  const parts = options.servers?.toLowerCase().split(',')
  return serverKinds
    .filter(({ isInstalled }) => isInstalled)
    .filter(({ name }) => parts?.some((part) => name.toLowerCase().includes(part)) ?? true)
    .map((kind) => ({ ...kind, kind }))
}

/** Servers take turns, so that what else the machine does falls on all of them. */
async function runRounds(workload: Workload, subjects: readonly Subject[]): Promise<Record<string, Round[]>> {
  console.log(`\n${workload.name}: ${workload.title}`)
  const runnable = subjects.filter((subject) => {
    return (subject.isCommon || workload.withStockClients) && !workload.skips?.(subject)
  })
  const rounds: Record<string, Round[]> = Object.fromEntries(runnable.map(({ name }) => [name, []]))
  const spentMs = new Map<string, number>()
  const count = options.quick ? 1 : Number(options.rounds ?? workload.rounds ?? 3)
  for (let i = 0; i < count; i++) {
    for (const subject of runnable) {
      const spent = spentMs.get(subject.name) ?? 0
      if (spent > roundsMsMax || failureOf(rounds[subject.name]!) !== null) continue
      const start = performance.now()
      const round = await runOnce(workload, subject, `${runId}-${i}-`)
      spentMs.set(subject.name, spent + performance.now() - start)
      rounds[subject.name]!.push(round)
      console.log(`  ${subject.name.padEnd(30)} ${lineOf(workload, round)}`)
    }
  }
  return rounds
}

async function runOnce(workload: Workload, subject: Subject, names: string): Promise<Round> {
  const profileDirectory = options.profile && subject.kind === ours ? join(dataDirectory, 'profiles') : null
  const { isInspected = false } = workload
  let server: Server | null = null
  let trial: Trial | null = null
  try {
    server = subject.kind && (await Server.start(subject.kind, { isInspected, profileDirectory }))
    trial = new Trial(targetOf(subject, server), names, options.quick)
    return { figures: await workload.run(trial) }
  } catch (error) {
    return { failure: (error as Error).message.split('\n')[0]! }
  } finally {
    await trial?.end()
    await server?.remove()
    if (profileDirectory !== null && trial !== null) printProfiles(profileDirectory, trial.window)
  }
}

function targetOf({ keeps }: Subject, server: Server | null): Target {
  if (server !== null) {
    const { kind, base } = server
    return { wire: kind.wire, base, keeps, server, pid: () => server.pid }
  }
  const wire = wires.get(options.wire)
  if (wire === undefined) throw new Error(`There is no wire ${options.wire}\n\n${usage}`)
  const pid = options.pid === undefined ? null : Number(options.pid)
  return { wire, base: options.url!.replace(/\/$/, ''), keeps, server, pid: () => pid }
}

function lineOf({ metrics }: Workload, round: Round): string {
  if ('failure' in round) return `no figure: ${round.failure}`
  const { load } = round.figures
  const figures = metrics.map(({ key, label, unit }) => `${label} ${rounded(round.figures[key] ?? Number.NaN)} ${unit}`)
  const warning = load !== undefined && load > 0.9 ? [`(the load used ${Math.round(load * 100)}% of its core)`] : []
  return [...figures, ...warning].join(', ')
}

function printSummary({ metrics }: Workload, rounds: Rounds): void {
  const { key, unit } = metrics[0]!
  const base = rounds[ours.name]
  if (base === undefined || failureOf(base) !== null) return
  console.log(`  ours: ${textOf(figureOf(base, key))} ${unit}`)
  for (const [name, ofServer] of Object.entries(rounds)) {
    const ratio = name === ours.name || failureOf(ofServer) !== null ? null : ratioOf(ofServer, base, key)
    if (ratio !== null) console.log(`  ${name}: ${textOf(ratio)} times that`)
  }
}

/** Adds what was measured to the results of before, and writes the page anew. */
function keep(measured: Results): void {
  if (isPartial) return
  const before = readResults(resultsPath, measured.machine)
  const results = { ...measured, workloads: { ...before, ...measured.workloads } }
  writeResults(resultsPath, results)
  const isOurs = (server: string) => server === ours.name || server === oursForY.name
  for (const workload of workloads) {
    const { rounds } = results.workloads[workload.name] ?? {}
    if (rounds) writeFileSync(join(resultsDirectory, `${workload.name}.svg`), chartOf(workload, rounds, isOurs))
  }
  const [begin, end] = ['<!-- results -->', '<!-- end of results -->']
  const page = readFileSync(pagePath, 'utf8')
  const [head, tail] = [page.split(begin)[0]!, page.split(end)[1]!]
  writeFileSync(pagePath, `${head}${begin}\n\n${markdownOf(results, workloads, ours.name)}\n\n${end}${tail}`)
}
