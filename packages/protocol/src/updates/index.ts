export { type Admission, type AdmissionLimits, admitUpdate, hasNewInserts, isCovered } from './admit.js'
export { Coverage } from './coverage.js'
export { mergeUpdates } from './merge.js'
export { differenceFrom } from './slice.js'
export {
  assertStateVector,
  decodeStateVector,
  emptyStateVector,
  encodeStateVector,
  hashStateVector,
} from './stateVector.js'
