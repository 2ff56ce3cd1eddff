import * as encoding from 'lib0/encoding'

const binary = 3
const hasOrigin = 0x80
const array = 'rows'

/**
 * The update of a client that appends rows to an array, without a replica: each row is one clock and follows the one
 * before it.
 *
 * @param clock that of the first row; 0: it is the first of this client
 */
export function encodeRows(client: number, clock: number, rows: readonly Uint8Array[]): Uint8Array {
  const encoder = encoding.createEncoder()
  encoding.writeVarUint(encoder, rows.length > 0 ? 1 : 0)
  if (rows.length > 0) {
    encoding.writeVarUint(encoder, rows.length)
    encoding.writeVarUint(encoder, client)
    encoding.writeVarUint(encoder, clock)
  }
  for (const [index, row] of rows.entries()) writeRow(encoder, client, clock + index, row)
  encoding.writeVarUint(encoder, 0) // no deletes
  return encoding.toUint8Array(encoder)
}

function writeRow(encoder: encoding.Encoder, client: number, clock: number, row: Uint8Array): void {
  encoding.writeUint8(encoder, clock > 0 ? binary | hasOrigin : binary)
  if (clock > 0) {
    encoding.writeVarUint(encoder, client)
    encoding.writeVarUint(encoder, clock - 1)
  } else {
    encoding.writeVarUint(encoder, 1) // the parent is a root type
    encoding.writeVarString(encoder, array)
  }
  encoding.writeVarUint8Array(encoder, row)
}
