import { join } from 'node:path'
import { printProfiles } from './profile.js'
import { dataDirectory, ours, type ServerKind } from './servers/kinds.js'
import { Server } from './servers/server.js'
import { type Target, Trial } from './trial.js'
import type { Wire } from './wires/index.js'
import type { Workload } from './workloads/index.js'

/** One of those that a measure compares. */
export interface Contender {
  readonly name: string
  /** @param names put before the names of documents: those of an earlier round may still be there */
  run(names: string): Promise<Readonly<Record<string, number>>>
}

/** A server that somebody points the bench at. */
export interface Foreign {
  readonly name: string
  readonly wire: Wire
  readonly isCommon: boolean
  readonly keeps: boolean
  readonly base: string
  readonly pid: number | null
}

/** A server to measure. */
export type Subject = ServerKind | Foreign

const profilesDirectory = join(dataDirectory, 'profiles')

/** Those of which a workload says something. */
export function contendersFor(
  workload: Workload,
  subjects: readonly Subject[],
  isQuick: boolean,
  isProfiled: boolean,
): readonly Contender[] {
  return subjects
    .filter(({ isCommon }) => isCommon || workload.withStockClients)
    .filter((subject) => !workload.skips?.(subject))
    .map((subject) => ({
      name: subject.name,
      run: (names) => runOn(workload, subject, names, isQuick, isProfiled && subject === ours),
    }))
}

async function runOn(
  workload: Workload,
  subject: Subject,
  names: string,
  isQuick: boolean,
  isProfiled: boolean,
): Promise<Readonly<Record<string, number>>> {
  const { isInspected = false } = workload
  const profileDirectory = isProfiled ? profilesDirectory : null
  const server = 'command' in subject ? await Server.start(subject, { isInspected, profileDirectory }) : null
  const trial = new Trial(targetOf(subject, server), names, isQuick)
  try {
    return await workload.run(trial)
  } finally {
    await trial.end()
    await server?.remove()
    if (isProfiled) printProfiles(profilesDirectory, trial.window)
  }
}

function targetOf(subject: Subject, server: Server | null): Target {
  const { wire, keeps } = subject
  if (server !== null) return { wire, keeps, base: server.base, server, pid: () => server.pid }
  const { base, pid } = subject as Foreign
  return { wire, keeps, base, server, pid: () => pid }
}
