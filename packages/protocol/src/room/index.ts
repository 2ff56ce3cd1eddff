export { Room } from './room.js'
export * from './types.js'
export { fanOutMs } from './window.js'
