import * as encoding from 'lib0/encoding'

/** Bytes from hex with spaces. */
export function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'))
}

/** Bytes that a lib0 encoder wrote. */
export function written(write: (encoder: encoding.Encoder) => void): Uint8Array {
  const encoder = encoding.createEncoder()
  write(encoder)
  return encoding.toUint8Array(encoder)
}

/** Numbers, each as a varUint. */
export function numbers(...values: number[]): Uint8Array {
  return written((encoder) => {
    for (const value of values) encoding.writeVarUint(encoder, value)
  })
}

/** 2^53 as a varUint, which no number of JavaScript tells from its neighbour. */
export const beyondNumbers = '80 80 80 80 80 80 80 10'

/** 147 bytes that lib0 reads as Infinity, and would write for ever. */
export const infinity = `${'80 '.repeat(146)} 7f`

// a client id that nobody else has
const stranger = 'e7 07'

/** An update of one struct of a stranger, from its first byte on; nothing comes before it. */
export function struct(info: string, rest: string, clock = '00'): Uint8Array {
  return hex(`01 01 ${stranger} ${clock} ${info} ${rest} 00`)
}

/** The same, in the root type `t`. */
export function content(kind: string, rest: string): Uint8Array {
  return struct(kind, `01 01 74 ${rest}`)
}

/** Text of a client whose first struct the relay has never seen: each waits for something else. */
export function gap(client: number): Uint8Array {
  return written((encoder) => {
    for (const number of [1, 1, client, 7]) encoding.writeVarUint(encoder, number)
    encoding.writeUint8(encoder, 0x84)
    encoding.writeVarUint(encoder, client)
    encoding.writeVarUint(encoder, 6)
    encoding.writeVarString(encoder, 'never')
    encoding.writeVarUint(encoder, 0)
  })
}

/** Text of a client of its own, in the root type `t`. */
export function textOf(client: number, text: string): Uint8Array {
  return written((encoder) => {
    for (const number of [1, 1, client, 0]) encoding.writeVarUint(encoder, number)
    encoding.writeUint8(encoder, 4)
    encoding.writeVarUint(encoder, 1)
    encoding.writeVarString(encoder, 't')
    encoding.writeVarString(encoder, text)
    encoding.writeVarUint(encoder, 0)
  })
}

/** Deletions of every other clock of a stranger. */
export function deletions(ranges: number): Uint8Array {
  return written((encoder) => {
    for (const number of [0, 1, 999, ranges]) encoding.writeVarUint(encoder, number)
    for (let i = 0; i < ranges; i++) {
      encoding.writeVarUint(encoder, 2 * i)
      encoding.writeVarUint(encoder, 1)
    }
  })
}

/** Arrays in arrays, as deep as that. */
export function nestedTypes(depth: number, client = 999): Uint8Array {
  return written((encoder) => {
    for (const number of [1, depth, client, 0]) encoding.writeVarUint(encoder, number)
    for (let i = 0; i < depth; i++) {
      encoding.writeUint8(encoder, 7)
      encoding.writeVarUint(encoder, i === 0 ? 1 : 0)
      if (i === 0) encoding.writeVarString(encoder, 'deep')
      else for (const number of [client, i - 1]) encoding.writeVarUint(encoder, number)
      encoding.writeVarUint(encoder, 0)
    }
    encoding.writeVarUint(encoder, 0)
  })
}

/** An awareness message; the JSON is written as it is. */
export function awareness(...entries: readonly (readonly [client: number, clock: number, json: string])[]): Uint8Array {
  return written((encoder) => {
    encoding.writeVarUint(encoder, entries.length)
    for (const [client, clock, json] of entries) {
      encoding.writeVarUint(encoder, client)
      encoding.writeVarUint(encoder, clock)
      encoding.writeVarString(encoder, json)
    }
  })
}

/** A state vector of so many clients. */
export function stateVector(clients: number, announced = clients): Uint8Array {
  return written((encoder) => {
    encoding.writeVarUint(encoder, announced)
    for (let i = 0; i < clients; i++) {
      encoding.writeVarUint(encoder, clients - i)
      encoding.writeVarUint(encoder, 1)
    }
  })
}

/** One message of protocol 1, as it stands in a frame. */
export function message(channel: number, body: Uint8Array): Uint8Array {
  const number = numbers(channel)
  return new Uint8Array(Buffer.concat([numbers(number.length + body.length), number, body]))
}

/** The same bytes, over and over, in one. */
export function repeated(bytes: Uint8Array, times: number): Uint8Array {
  const all = new Uint8Array(bytes.length * times)
  for (let i = 0; i < times; i++) all.set(bytes, i * bytes.length)
  return all
}
