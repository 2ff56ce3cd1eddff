export * from './copy.js'
export { Peer } from './peer.js'
export * from './types.js'
