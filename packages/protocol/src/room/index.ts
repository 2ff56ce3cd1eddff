export { Room } from './room.js'
export * from './types.js'
