export { type Admission, type AdmissionLimits, admitUpdate, hasNewInserts, isCovered } from './admit.js'
export { Coverage } from './coverage.js'
export { hashBytes } from './hash.js'
export { mergeUpdates } from './merge.js'
export { hasSeed, isSeedClient, partSeed, seedFrom } from './seed.js'
export { SetAside } from './setAside.js'
export { differenceFrom } from './slice.js'
export { splitUpdate } from './split.js'
export {
  assertStateVector,
  decodeStateVector,
  emptyStateVector,
  encodeStateVector,
  hashStateVector,
} from './stateVector.js'
