export * from './decode.js'
export { encodeClientMessage, encodeRelayMessage, packFrames } from './encode.js'
export * from './types.js'
export * from './version.js'
