import * as decoding from 'lib0/decoding'

/**
 * Reads a number that a stranger wrote. lib0 checks it on the way, not in the end: it reads 147 bytes as Infinity, which
 * its encoder would write for ever, and 200 as NaN, which compares with no bound.
 */
export function readVarUint(decoder: decoding.Decoder): number {
  const number = decoding.readVarUint(decoder)
  if (!Number.isSafeInteger(number)) throw new RangeError('A number is larger than 2^53 - 1')
  return number
}
