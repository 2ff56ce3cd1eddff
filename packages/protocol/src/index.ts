/**
 * The pure core of Syncline: wire messages, update scanning and merging, coverage, awareness, and the two
 * machines Peer and Room. No I/O, no clock, no randomness: all of them come in as values.
 *
 * @packageDocumentation
 */
export * from './awareness/index.js'
export * from './bytes.js'
export * from './errors.js'
export * from './limits.js'
export * from './log/index.js'
export * from './messages/index.js'
export * from './names.js'
export * from './peer/index.js'
export * from './relayErrors.js'
export * from './room/index.js'
export * from './subdocuments.js'
export * from './unreachable.js'
export * from './updates/index.js'
