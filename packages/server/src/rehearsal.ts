import {
  chainAfter,
  decodeRecord,
  defaultLimits,
  emptyStateVector,
  encodeRecord,
  encodeRelayMessage,
  Room,
} from '@syncline/protocol'
import * as encoding from 'lib0/encoding'

// measured: after fewer passes a part is compiled while somebody waits, more only take time
const structs = 300
const passes = 12

const epoch = '0000000000000001'
// as large as those of real documents: numbers of one byte are read by less code
const client = 2 ** 32 - 1
const clocksBefore = 100_000
const letter = 'a'
// of update v1
const kinds = { deleted: 1, string: 4 } as const
const [origin, rightOrigin, rootType] = [0x80, 0x40, 1]

/**
 * Opens a document that it makes up, some times: 11 ms, no I/O. A process that was just started has compiled nothing, and
 * would take 20 ms longer for a first document of 200 KB, while all who were there before are coming back. Only after whatever
 * transfers a buffer to another thread for the first time: V8 drops what it has compiled for byte arrays then.
 */
export function rehearse(): void {
  const update = someUpdate()
  let chain = 0
  for (let pass = 0; pass < passes; pass++) chain = open(update, chain)
}

/**
 * What a room does from what the log gives it up to the bytes for whoever joins.
 *
 * @returns the chain after it
 */
function open(update: Uint8Array, chainBefore: number): number {
  const runs = [{ author: '', update }]
  const chain = chainAfter(chainBefore, runs)
  const records = [decodeRecord(encodeRecord({ position: 1, chain, time: 0, runs }))]
  const room = new Room('', defaultLimits)
  const start = { position: 0, chain: chainBefore }
  room.step({ type: 'loaded', stored: { epoch, base: null, basePosition: 0, start, records }, epoch })
  const profile = { author: '', access: 'write', echo: false } as const
  const request = { type: 'open', name: '', resume: null, stateVector: emptyStateVector } as const
  for (const effect of room.step({ type: 'joined', session: 1, profile, request })) {
    if (effect.type !== 'send') continue
    encodeRelayMessage({ type: 'session', channel: 1, message: effect.message }, defaultLimits.frameBytesMax)
  }
  return chain
}

/** One person's text, after much that is gone: letters between letters, a third of which are deleted. */
function someUpdate(): Uint8Array {
  return encoding.encode((encoder) => {
    const uints = (...numbers: number[]) => {
      for (const number of numbers) encoding.writeVarUint(encoder, number)
    }
    uints(1, 1 + structs, client, 0)
    uints(kinds.deleted, rootType)
    encoding.writeVarString(encoder, letter)
    uints(clocksBefore)
    for (let index = 0; index < structs; index++) {
      const [isDeleted, isBetween] = [index % 3 === 0, index % 2 === 0]
      encoding.writeUint8(encoder, (isDeleted ? kinds.deleted : kinds.string) | origin | (isBetween ? rightOrigin : 0))
      uints(client, clocksBefore + index - 1)
      if (isBetween) uints(client, index)
      if (isDeleted) uints(1)
      else encoding.writeVarString(encoder, letter)
    }
    uints(1, client, structs / 2)
    for (let index = 0; index < structs / 2; index++) uints(index === 0 ? clocksBefore : 2 * index, 1)
  })
}
