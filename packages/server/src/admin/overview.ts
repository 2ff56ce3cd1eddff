import { relayDocument } from '../auth/authorize.js'
import type { RelayContext } from '../connection/context.js'
import type { RelayStats } from '../counters.js'
import type { Disk, DiskSpace } from '../rooms/reserve.js'
import { version } from '../version.js'
import type { Latencies, Percentiles } from './latencies.js'
import { LoopLag } from './loopLag.js'

/** A document in memory, as operators see it. */
export interface OpenDocument {
  readonly name: string
  readonly sessions: number
  /** about what it weighs */
  readonly bytes: number
  /** updates since it is in memory */
  readonly updates: number
  /** until when nobody may write it, in ms since 1970 */
  readonly readOnlyUntil: number | null
}

/** Everything that an operator sees of a relay at one moment. What grows is counted since the relay began. */
export interface Overview {
  /** ms since 1970 */
  readonly time: number
  readonly version: string
  readonly uptimeMs: number
  readonly ready: boolean
  /** less than the reserve of the disk is free */
  readonly readOnly: boolean
  readonly stats: RelayStats
  /** of the last 1,000; null where there was none */
  readonly commitMs: Percentiles | null
  /** from an update's coming in to its acknowledgement */
  readonly ackMs: Percentiles | null
  readonly loopLagMs: number | null
  readonly memoryBytes: number
  /** null where the relay knows of no disk */
  readonly disk: DiskSpace | null
  /** what is in force, by name; no secrets */
  readonly settings: Readonly<Record<string, string>>
  /** the busiest first, some hundred at most */
  readonly documents: readonly OpenDocument[]
}

/** What of a relay is looked at. */
export interface Overseen {
  readonly context: RelayContext
  readonly relay: { readonly ready: boolean; readonly isReadOnly: boolean; stats(): RelayStats }
  readonly latencies: Latencies
  readonly disk: Disk | null
  readonly settings: Readonly<Record<string, string>>
}

export const documentsMax = 100

/** Looks at a relay for its operators. */
export class Overseer {
  readonly #overseen: Overseen
  readonly #lag: LoopLag

  constructor(overseen: Overseen) {
    this.#overseen = overseen
    this.#lag = new LoopLag(overseen.context.clock)
  }

  async look(): Promise<Overview> {
    const { context, relay, latencies, disk, settings } = this.#overseen
    // what cannot be told of the disk must not hide the rest
    const space = disk === null ? null : await disk.space().catch(() => null)
    return {
      time: context.clock.now(),
      version,
      uptimeMs: Math.round(performance.now()),
      ready: relay.ready,
      readOnly: relay.isReadOnly,
      stats: relay.stats(),
      commitMs: latencies.commits,
      ackMs: latencies.acks,
      loopLagMs: this.#lag.takeMs(),
      memoryBytes: process.memoryUsage.rss(),
      disk: space,
      settings,
      documents: documentsIn(context),
    }
  }

  close(): void {
    this.#lag.close()
  }
}

function documentsIn({ rooms, gate }: RelayContext): OpenDocument[] {
  return rooms.all
    .filter(({ name }) => name !== relayDocument)
    .map(({ name, bytes, updates, clients }) => {
      return { name, sessions: clients.length, bytes, updates, readOnlyUntil: gate.readOnlyUntil(name) }
    })
    .sort((a, b) => b.sessions - a.sessions || b.updates - a.updates)
    .slice(0, documentsMax)
}
