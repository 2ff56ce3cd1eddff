import { Counter, collectDefaultMetrics, Gauge, Histogram, type HistogramConfiguration, Registry } from 'prom-client'
import type { Counters, RelayStats } from './counters.js'
import type { DiskSpace } from './rooms/reserve.js'
import type { CommitObserver } from './rooms/storage.js'
import { version } from './version.js'

// how late the event loop is looked at by a timer: its default of 10 ms would wake an idle relay a hundred times a second
const lagEveryMs = 50

/** What {@link Metrics} can tell beside what the relay counts. */
export interface MetricsOptions {
  /** looks at the disk of the log; {@link spaceOf} a directory, say */
  readonly space?: () => Promise<DiskSpace>
  /** also memory, CPU and event loop of this process; default false */
  readonly process?: boolean
}

const secondsBuckets = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1, 5]

type Amount = Exclude<keyof Counters, 'refusedByCode' | 'rejectedByCode'>

const counterHelp: Readonly<Record<Amount, readonly [name: string, help: string]>> = {
  updates: ['updates', 'Updates that sessions sent.'],
  receivedBytes: ['received_bytes', 'Bytes that connections brought: the payload of WebSocket messages.'],
  receivedMessages: ['received_messages', 'WebSocket messages that connections brought.'],
  sentBytes: ['sent_bytes', 'Bytes that connections were sent: the payload of WebSocket messages.'],
  sentMessages: ['sent_messages', 'WebSocket messages that connections were sent.'],
  commits: ['document_commits', 'Commits that reached the disk, counted once for each document in them.'],
  resyncs: ['resyncs', 'Updates answered by resync.'],
  digestMismatches: ['digest_mismatches', 'Replicas that differed from the log, found by a digest.'],
  refused: ['refused', 'Sessions, connections and requests that were refused or ended for what they sent.'],
  authFailures: ['auth_failures', 'Of what was refused: no token that counts, or not granted.'],
  rateLimited: ['rate_limited', 'Of what was refused: over a rate, or more connections or sessions than there may be.'],
  rejected: ['rejected', 'Updates that were rejected, while their sessions went on.'],
  awareness: ['awareness_messages', 'Awareness messages (cursors) that sessions sent.'],
  storageFaults: ['storage_faults', 'Writes that failed; nothing is acknowledged until the log was opened anew.'],
  expired: ['expired_documents', 'Documents deleted since nobody had changed them for so long.'],
  throttles: ['throttles', 'Times a connection was not read for a while, since it sent more than it may.'],
  holds: ['holds', 'Times a connection was not read for a while, since too much waited for the disk.'],
  slowReaders: ['slow_readers', 'Connections closed since they did not take what was sent to them.'],
  exceptions: ['exceptions', 'Exceptions caught at the edge of a session: bugs.'],
  compactions: ['compactions', 'Documents whose records were replaced by a base.'],
  compactionMismatches: ['compaction_mismatches', 'Compactions that would have changed the document: bugs.'],
  compactionFailures: ['compaction_failures', 'Compactions that came to no end.'],
  compactionBytesSaved: ['compaction_saved_bytes', 'Bytes of updates that compaction made superfluous.'],
  loads: ['loads', 'Documents that the application was asked for.'],
  loadFailures: ['load_failures', 'Of these, those that it did not give, or that could not be taken.'],
  webhooksDelivered: ['webhooks_delivered', 'Events that webhooks took.'],
  webhooksFailed: ['webhooks_failed', 'Attempts to tell a webhook that failed.'],
  webhooksSetAside: ['webhooks_set_aside', 'Events that were given up after all attempts.'],
}

/**
 * What a relay does, in the text format of Prometheus. Names of documents and of people are nowhere in it.
 *
 * @example
 * ```ts
 * const metrics = new Metrics({ process: true })
 * const relay = new Relay(log, { commitObserver: metrics })
 * metrics.watch(relay)
 * app.get('/metrics', async () => new Response(await metrics.text(), { headers: { 'Content-Type': metrics.type } }))
 * ```
 */
export class Metrics implements CommitObserver {
  readonly #registry = new Registry()
  readonly #commitSeconds: DeferredHistogram
  readonly #commitDocuments: DeferredHistogram
  readonly #ackSeconds: DeferredHistogram

  constructor(options: MetricsOptions = {}) {
    const registers = [this.#registry]
    this.#commitSeconds = new DeferredHistogram({
      name: 'syncline_commit_duration_seconds',
      help: 'Time of a commit: the write to the log and its fsync.',
      buckets: secondsBuckets,
      registers,
    })
    this.#ackSeconds = new DeferredHistogram({
      name: 'syncline_ack_duration_seconds',
      help: 'Time from an update to its acknowledgement: of the first one of each commit of a document, which waits longest.',
      buckets: secondsBuckets,
      registers,
    })
    this.#commitDocuments = new DeferredHistogram({
      name: 'syncline_commit_documents',
      help: 'Documents that shared a commit.',
      buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000],
      registers,
    })
    new Gauge({
      name: 'syncline_build_info',
      help: 'The version, as a label.',
      labelNames: ['version'],
      registers,
    }).set({ version }, 1)
    if (options.space) this.#watchDisk(options.space)
    if (options.process) collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: lagEveryMs })
  }

  /** of the answer that carries {@link text} */
  get type(): string {
    return this.#registry.contentType
  }

  /** Everything as it is now. */
  text(): Promise<string> {
    for (const histogram of [this.#commitSeconds, this.#commitDocuments, this.#ackSeconds]) histogram.flush()
    return this.#registry.metrics()
  }

  committed(ms: number, documents: number): void {
    this.#commitSeconds.add(ms / 1_000)
    this.#commitDocuments.add(documents)
  }

  acknowledged(ms: number): void {
    this.#ackSeconds.add(ms / 1_000)
  }

  /** Tells what a relay counts, too. Called once. */
  watch(relay: { readonly ready: boolean; readonly isReadOnly: boolean; stats(): RelayStats }): void {
    this.#gauge('ready', '1 while documents can be opened and changed.', () => Number(relay.ready))
    this.#gauge('read_only', '1 while less than the reserve of the disk is free.', () => Number(relay.isReadOnly))
    this.#gauge('connections', 'Open WebSockets.', () => relay.stats().connections)
    this.#gauge(
      'sessions',
      'Documents that somebody has open, counted once for each who does.',
      () => relay.stats().sessions,
    )
    this.#gauge('rooms', 'Documents in memory.', () => relay.stats().rooms)
    this.#gauge('tail_bytes', 'What documents in memory have beside their bases.', () => relay.stats().tailBytes)
    this.#gauge(
      'webhooks_pending',
      'Documents of which a webhook is still to be told.',
      () => relay.stats().webhooksPending,
    )
    this.#gauge('backlog_bytes', 'What waits for the disk.', () => relay.stats().backlogBytes)
    this.#gauge(
      'fan_out_gather_seconds',
      'How long updates gather after a broadcast, in the room where that is longest.',
      () => relay.stats().gatherMs / 1_000,
    )
    for (const [key, [name, help]] of Object.entries(counterHelp)) {
      this.#counter(name, help, () => relay.stats()[key as Amount])
    }
    this.#byCode('refused_by_code', 'What was refused, by the code that was given.', () => relay.stats().refusedByCode)
    this.#byCode('rejected_by_code', 'Updates that were rejected, by code.', () => relay.stats().rejectedByCode)
  }

  #gauge(name: string, help: string, value: () => number): void {
    new Gauge({
      name: `syncline_${name}`,
      help,
      registers: [this.#registry],
      collect() {
        this.set(value())
      },
    })
  }

  #counter(name: string, help: string, value: () => number): void {
    new Counter({
      name: `syncline_${name}_total`,
      help,
      registers: [this.#registry],
      collect() {
        this.reset()
        this.inc(value())
      },
    })
  }

  #byCode(name: string, help: string, byCode: () => Counters['refusedByCode']): void {
    new Counter({
      name: `syncline_${name}_total`,
      help,
      labelNames: ['code'],
      registers: [this.#registry],
      collect() {
        this.reset()
        for (const [code, count] of Object.entries(byCode())) this.inc({ code }, count)
      },
    })
  }

  #watchDisk(space: () => Promise<DiskSpace>): void {
    new Gauge({
      name: 'syncline_disk_free_bytes',
      help: 'What this process may still write to the disk of the documents.',
      registers: [this.#registry],
      async collect() {
        this.set((await space()).freeBytes)
      },
    })
  }
}

// so many wait for somebody who looks
const samplesMax = 1_000

/**
 * A histogram that is told of its values when somebody looks. One by one, each would cost a commit that is alone a
 * twentieth of what it takes: code that nothing else runs is in no cache.
 */
class DeferredHistogram {
  readonly #histogram: Histogram
  #values: number[] = []

  constructor(configuration: HistogramConfiguration<string>) {
    this.#histogram = new Histogram(configuration)
  }

  add(value: number): void {
    if (this.#values.push(value) >= samplesMax) this.flush()
  }

  flush(): void {
    for (const value of this.#values) this.#histogram.observe(value)
    this.#values = []
  }
}
