export * from './codec.js'
export * from './table.js'
