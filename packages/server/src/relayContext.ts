import { randomBytes } from 'node:crypto'
import type { Log } from '@syncline/protocol'
import { Gate } from './auth/gate.js'
import { authorizeEveryone } from './auth/none.js'
import { Revocations } from './auth/revocations.js'
import { withParents } from './auth/subdocuments.js'
import { Backlog } from './backlog.js'
import { systemClock } from './clock.js'
import type { RelayContext } from './connection/context.js'
import { Reassurance } from './connection/reassurance.js'
import { Slices } from './connection/slices.js'
import { newCounters } from './counters.js'
import { ProxyTrust } from './limits/address.js'
import { Limiter } from './limits/limiter.js'
import type { RelayLimits } from './limits/limits.js'
import { Loader } from './loading/loader.js'
import { asError, boundedLogger, createLogger } from './logger.js'
import { nameMatcher } from './names.js'
import type { RelayOptions } from './relayOptions.js'
import { Rooms } from './rooms/rooms.js'
import type { Webhooks } from './webhooks/webhooks.js'

// a page that is reloaded comes back to a room that is still there
const unloadMs = 5_000

/** What a relay has before it has rooms. */
export type Edges = Pick<RelayContext, 'clock' | 'logger' | 'counters' | 'exception'>

/** Its time, its log lines and its counters. */
export function edgesOf(options: RelayOptions): Edges {
  const clock = options.clock ?? systemClock
  const logger = boundedLogger(options.logger ?? createLogger('warn'))
  const counters = newCounters()
  const exception = (error: unknown) => {
    counters.exceptions++
    logger.error({ event: 'bug', error: asError(error) }, 'an exception was caught: a bug')
  }
  return { clock, logger, counters, exception }
}

/** All that its connections share. */
export function contextOf(
  log: Log,
  limits: RelayLimits,
  options: RelayOptions,
  { clock, logger, counters, exception }: Edges,
  webhooks: Webhooks | null,
): RelayContext {
  const newEpoch = () => randomBytes(8).toString('hex')
  const watched = (opened: Log) => webhooks?.watch(opened) ?? opened
  const { reopen: open } = options
  const reopen = open ? async () => watched(await open()) : null
  const keepsHistory = nameMatcher(options.keepHistory ?? [])
  const backlog = new Backlog(limits.backlogBytesHigh)
  const edges = { limits, clock, logger, counters, backlog, exception }
  const rooms = new Rooms(watched(log), {
    ...edges,
    loader: options.load ? new Loader(options.load, { limits, clock, logger, counters }) : null,
    presence: (document, isOpen) => webhooks?.presence(document, isOpen),
    commitObserver: options.commitObserver ?? null,
    reopen,
    unloadMs,
    newEpoch,
    keepsHistory,
    quietHours: options.quietHours ?? null,
  })
  let sessions = 0
  const nextSession = () => ++sessions
  const asked = options.authorize ?? authorizeEveryone
  // a relay that asks nobody is told by this very function
  const isAsked = asked !== authorizeEveryone && options.subdocumentAccess !== 'own'
  const authorize = isAsked ? withParents(asked) : asked
  const revocations = new Revocations(options.revocations ?? null)
  const gate = new Gate({ authorize, revocations, limits, clock, logger, exception })
  const bounds = { backlog, limiter: new Limiter(limits, clock), proxies: new ProxyTrust(options.trustProxy ?? []) }
  const reassurance = new Reassurance(clock)
  return {
    limits,
    clock,
    logger,
    counters,
    ...bounds,
    reassurance,
    slices: new Slices(),
    rooms,
    gate,
    nextSession,
    exception,
  }
}
