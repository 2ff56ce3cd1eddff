/** What `npm run bench` runs, after it has installed and built what it needs. */
import { mkdirSync, rmSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { browserPath, clientMeasures, sides } from './clients/index.js'
import { type Contender, contendersFor, type Subject } from './contenders.js'
import { goalsOf } from './goals.js'
import { describeMachine, measureSyncMs, pinOwnProcess } from './machine.js'
import type { Measure } from './measure.js'
import { paperOrigin } from './paper.js'
import { publish } from './publish.js'
import { failureOf, figureOf, type Measured, type Results, type Round, type Rounds, ratioOf } from './results.js'
import { dataDirectory, ours, serverKinds } from './servers/kinds.js'
import { conditionsOf, isBoundByLoad, markdownOf, rounded, textOf } from './table.js'
import { wires } from './wires/index.js'
import { workloads } from './workloads/index.js'

const measures: readonly Measure[] = [...workloads, ...clientMeasures]

const usage = `npm run bench -- [options]

  --quick             seconds instead of minutes: shows that everything runs and loses nothing
  --only <names>      some of: ${measures.map(({ name }) => name).join(' ')};
                      the beginning of a name stands for all that begin so, as in: presence,client
  --servers <names>   those whose names contain one of these, as in: syncline,hocuspocus
  --rounds <number>   default what each says, 1 to 3
  --url <ws://…>      a relay that runs already, instead of those that the bench starts
  --wire <name>       what it speaks: ${[...wires.keys()].join(', ')}
  --pid <number>      its process, where it runs on this machine: its CPU is measured too
  --profile           says where the CPU of our relay goes
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
const roundsMsMax = 15_000

// what is quick or partial says nothing, and is printed only
const isPartial = options.quick || options.profile || options.url !== undefined || options.servers !== undefined

const runId = Date.now().toString(36)

if (options.help) console.log(usage)
else await main()

async function main(): Promise<void> {
  pinOwnProcess()
  mkdirSync(dataDirectory, { recursive: true })
  const startMs = performance.now()
  const conditions = { machine: describeMachine(), syncMs: measureSyncMs(dataDirectory), paper: paperOrigin() }
  console.log(conditionsOf(conditions))
  if (options.quick) console.log('A quick look: everything is small, and the figures mean nothing.')
  const measured: Record<string, Measured> = {}
  for (const [measure, contenders] of chosen()) {
    const rounds = await runRounds(measure, contenders)
    measured[measure.name] = { date: new Date().toISOString().slice(0, 10), rounds }
    if (!isPartial) publish({ ...conditions, measures: measured }, measures)
  }
  const results: Results = { ...conditions, measures: measured }
  if (isPartial) console.log(`\n${markdownOf(results, measures, ours.name)}`)
  else console.log(`\n${goalsOf(results)}`)
  rmSync(dataDirectory, { recursive: true, force: true })
  console.log(`\n${Math.round((performance.now() - startMs) / 1000)} s in all`)
  if (hasFailed(Object.values(measured).map(({ rounds }) => rounds))) process.exitCode = 1
}

/** What peers lose is a result; what we lose is a fault. */
function hasFailed(measured: readonly Rounds[]): boolean {
  const isOursAlone = options.url !== undefined
  const rounds = measured.flatMap((rounds) => (isOursAlone ? Object.values(rounds) : [rounds[ours.name] ?? []]))
  return rounds.some((ofServer) => failureOf(ofServer) !== null)
}

/** What is measured, and of whom. */
function chosen(): readonly (readonly [Measure, readonly Contender[]])[] {
  const names = options.only?.split(',')
  const unknown = names?.filter((name) => !measures.some((measure) => measure.name.startsWith(name))) ?? []
  if (unknown.length > 0) throw new Error(`There is no workload ${unknown.join(', ')}\n\n${usage}`)
  const isWanted = (measure: Measure) => names?.some((name) => measure.name.startsWith(name)) ?? true
  const subjects = chosenSubjects()
  const { url, quick: isQuick, profile: isProfiled } = options
  const ofServers = workloads.filter(({ isLocal = false }) => !isLocal || url === undefined).filter(isWanted)
  // the relay does next to nothing while clients are measured
  const ofClients = clientMeasures.filter(isWanted).filter(() => url === undefined && !isProfiled)
  const isRunnable = ({ isInBrowser }: { isInBrowser: boolean }) => !isInBrowser || browserPath !== null
  if (!ofClients.every(isRunnable)) console.log('No Chromium or Chrome here: what clients do in it is left out.')
  return [
    ...ofServers.map((workload) => [workload, contendersFor(workload, subjects, isQuick, isProfiled)] as const),
    ...ofClients.filter(isRunnable).map((measure) => {
      const ofMeasure = sides.filter(({ server }) => isChosen(server) && (server.isInstalled || !measure.isInBrowser))
      return [measure, ofMeasure.map((side) => ({ name: side.name, run: () => measure.run(side, isQuick) }))] as const
    }),
  ]
}

function chosenSubjects(): readonly Subject[] {
  const { url, wire: wireName } = options
  if (url === undefined) return serverKinds.filter((kind) => kind.isInstalled && isChosen(kind))
  const wire = wires.get(wireName)
  if (wire === undefined) throw new Error(`There is no wire ${wireName}\n\n${usage}`)
  const pid = options.pid === undefined ? null : Number(options.pid)
  return [{ name: url, wire, isCommon: true, keeps: true, base: url.replace(/\/$/, ''), pid }]
}

function isChosen({ name }: { readonly name: string }): boolean {
  const parts = options.servers?.toLowerCase().split(',')
  return parts?.some((part) => name.toLowerCase().includes(part)) ?? true
}

/** They take turns, so that what else the machine does falls on all of them. */
async function runRounds(measure: Measure, contenders: readonly Contender[]): Promise<Rounds> {
  console.log(`\n${measure.name}: ${measure.title}`)
  const startMs = performance.now()
  const rounds: Record<string, Round[]> = Object.fromEntries(contenders.map(({ name }) => [name, []]))
  const spentMs = new Map<string, number>()
  const count = options.quick ? 1 : Number(options.rounds ?? measure.rounds ?? 3)
  for (let i = 0; i < count; i++) {
    for (const { name, run } of contenders) {
      const spent = spentMs.get(name) ?? 0
      if (spent > roundsMsMax || failureOf(rounds[name]!) !== null) continue
      const start = performance.now()
      const round = await run(`${runId}-${i}-`).then(
        (figures): Round => ({ figures }),
        (error: Error): Round => ({ failure: error.message.split('\n')[0]! }),
      )
      const ms = performance.now() - start
      spentMs.set(name, spent + ms)
      rounds[name]!.push(round)
      console.log(`  ${name.padEnd(34)} ${lineOf(measure, round)}  [${Math.round(ms / 1000)} s]`)
    }
  }
  printRatios(measure, rounds)
  console.log(`  ${Math.round((performance.now() - startMs) / 1000)} s for ${measure.name}`)
  return rounds
}

function lineOf({ metrics }: Measure, round: Round): string {
  if ('failure' in round) return `no figure: ${round.failure}`
  const figures = metrics.map(({ key, label, unit }) => `${label} ${rounded(round.figures[key] ?? Number.NaN)} ${unit}`)
  const warning = isBoundByLoad([round]) ? [`(the load used ${rounded(round.figures.load! * 100)}% of its core)`] : []
  return [...figures, ...warning].join(', ')
}

function printRatios({ metrics }: Measure, rounds: Rounds): void {
  const { key, unit } = metrics[0]!
  const base = rounds[ours.name]
  if (base === undefined || failureOf(base) !== null) return
  console.log(`  ours: ${textOf(figureOf(base, key))} ${unit}`)
  for (const [name, ofServer] of Object.entries(rounds)) {
    const ratio = name === ours.name || failureOf(ofServer) !== null ? null : ratioOf(ofServer, base, key)
    if (ratio !== null) console.log(`  ${name}: ${textOf(ratio)} times that`)
  }
}
