import { defaultLimits, type Limits, SynclineError } from '@syncline/protocol'

const MiB = 2 ** 20

/**
 * Every bound of a relay: those that the protocol knows, and what one address, one subject and one session may take of it.
 * A rate has a burst, which is there at once, and what is added to it each second.
 */
export interface RelayLimits extends Limits {
  /** sessions of one document */
  readonly documentSessionsMax: number
  /** connections of one address at a time */
  readonly addressConnectionsMax: number
  /** connections that an address makes */
  readonly addressConnectionsBurst: number
  readonly addressConnectionsPerSecond: number
  /** connections of an address that end for good: some clients come back all the same, ten times a second */
  readonly addressRefusalsBurst: number
  readonly addressRefusalsPerSecond: number
  /** documents that an address opens, and tokens that it has checked */
  readonly addressOpensBurst: number
  readonly addressOpensPerSecond: number
  /** messages of an address: updates, cursors and all others */
  readonly addressMessagesBurst: number
  readonly addressMessagesPerSecond: number
  /** bytes of what an address sends */
  readonly addressBytesBurst: number
  readonly addressBytesPerSecond: number
  /** bytes of the documents that an address has compared with what it has: a full exchange costs what a document weighs */
  readonly addressExchangeBytesBurst: number
  readonly addressExchangeBytesPerSecond: number
  /** the same for one subject, on all its connections */
  readonly subjectOpensBurst: number
  readonly subjectOpensPerSecond: number
  readonly subjectMessagesBurst: number
  readonly subjectMessagesPerSecond: number
  readonly subjectBytesBurst: number
  readonly subjectBytesPerSecond: number
  readonly subjectExchangeBytesBurst: number
  readonly subjectExchangeBytesPerSecond: number
  /** the same for one session */
  readonly sessionExchangeBytesBurst: number
  readonly sessionExchangeBytesPerSecond: number
  /** signals that a session says */
  readonly sessionSignalsBurst: number
  readonly sessionSignalsPerSecond: number
  /** signals of a document, each as often as it has sessions: what telling them costs */
  readonly documentSignalsBurst: number
  readonly documentSignalsPerSecond: number
}

/** The defaults of {@link RelayLimits}: an address may be an office of hundreds, each with many tabs. */
export const defaultRelayLimits: RelayLimits = Object.freeze({
  ...defaultLimits,
  documentSessionsMax: 5_000,
  addressConnectionsMax: 10_000,
  addressConnectionsBurst: 2_000, // all of them come back at once after a restart
  addressConnectionsPerSecond: 100,
  addressRefusalsBurst: 200,
  addressRefusalsPerSecond: 1,
  addressOpensBurst: 20_000,
  addressOpensPerSecond: 1_000,
  addressMessagesBurst: 50_000,
  addressMessagesPerSecond: 5_000, // some hundred people who type and point all the time
  addressBytesBurst: 512 * MiB,
  addressBytesPerSecond: 64 * MiB,
  addressExchangeBytesBurst: 2_048 * MiB,
  addressExchangeBytesPerSecond: 128 * MiB,
  subjectOpensBurst: 5_000, // five connections with all the documents that one may have open
  subjectOpensPerSecond: 100,
  subjectMessagesBurst: 10_000,
  subjectMessagesPerSecond: 1_000,
  subjectBytesBurst: 128 * MiB, // a document of the largest size, twice
  subjectBytesPerSecond: 16 * MiB,
  subjectExchangeBytesBurst: 512 * MiB,
  subjectExchangeBytesPerSecond: 32 * MiB,
  sessionExchangeBytesBurst: 128 * MiB,
  sessionExchangeBytesPerSecond: 8 * MiB, // a document of a megabyte eight times a second
  sessionSignalsBurst: 100,
  sessionSignalsPerSecond: 20,
  documentSignalsBurst: 50_000, // to 5,000 people ten times, and then twice a second
  documentSignalsPerSecond: 10_000,
})

/**
 * The defaults with changes.
 *
 * @throws SynclineError `invalid_option` for a limit that there is none of, or a value that is none
 */
export function limitsWith(changes: Partial<RelayLimits>): RelayLimits {
  for (const [name, value] of Object.entries(changes)) {
    if (!isLimit(name)) throw new SynclineError('invalid_option', `limits.${name}: there is no such limit`)
    const isValue = Number.isSafeInteger(value) && value > 0
    if (!isValue) throw new SynclineError('invalid_option', `limits.${name} is ${value}`)
  }
  return Object.freeze({ ...defaultRelayLimits, ...changes })
}

/** True for the name of a limit. */
export function isLimit(name: string): name is keyof RelayLimits {
  return Object.hasOwn(defaultRelayLimits, name)
}
