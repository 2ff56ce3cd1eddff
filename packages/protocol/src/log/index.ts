export { crc32c } from './crc32c.js'
export * from './port.js'
export { chainAfter, decodeRecord, encodeRecord } from './record.js'
export { seal, unseal, type ValueKind } from './sealed.js'
