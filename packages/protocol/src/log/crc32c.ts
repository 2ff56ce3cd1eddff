// Castagnoli's polynomial, bits reversed: the variant that finds every burst of up to 32 bits
const polynomial = 0x82f63b78

// tables[k][b] is the checksum of the byte b followed by k zero bytes: eight look-ups advance eight bytes
const tables = makeTables()

/**
 * CRC-32C (Castagnoli) of `bytes`, as an unsigned 32-bit number.
 *
 * @param seed the checksum of what precedes `bytes`; `crc32c(b, crc32c(a))` is the checksum of a and b together
 */
export function crc32c(bytes: Uint8Array, seed = 0): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = tables
  let crc = ~seed
  let at = 0
  for (const end = bytes.length - 7; at < end; at += 8) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    crc =
      t7[crc & 0xff]! ^
      t6[(crc >>> 8) & 0xff]! ^
      t5[(crc >>> 16) & 0xff]! ^
      t4[crc >>> 24]! ^
      t3[bytes[at + 4]!]! ^
      t2[bytes[at + 5]!]! ^
      t1[bytes[at + 6]!]! ^
      t0[bytes[at + 7]!]!
  }
  for (; at < bytes.length; at++) crc = t0[(crc ^ bytes[at]!) & 0xff]! ^ (crc >>> 8)
  return ~crc >>> 0
}

type Table = Int32Array
type Tables = readonly [Table, Table, Table, Table, Table, Table, Table, Table]

function makeTables(): Tables {
  const first = new Int32Array(256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1
    first[byte] = crc
  }
  const rest = [first]
  for (let k = 1; k < 8; k++) rest.push(rest[k - 1]!.map((crc) => first[crc & 0xff]! ^ (crc >>> 8)))
  return rest as unknown as Tables
}
