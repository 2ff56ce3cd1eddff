import * as encoding from 'lib0/encoding'

// as large as those of real documents: numbers of one byte are read by less code
const client = 2 ** 32 - 1
const clocksBefore = 100_000
const firstDeleted = 20_000
const letter = 'a'
// of update v1
const kinds = { deleted: 1, string: 4 } as const
const [origin, rightOrigin, rootType] = [0x80, 0x40, 1]
/** until the kinds of {@link letters} begin anew */
const period = 6

/**
 * An update: one person's text, after much that is gone, as letters between letters, a third of which are deleted.
 *
 * @param structs how many, a multiple of 6
 * @param deletions ranges of them, at most 40,000
 */
export function madeUpUpdate(structs: number, deletions: number): Uint8Array {
  const some = letters()
  return encoding.encode((encoder) => {
    const uints = (...numbers: number[]) => {
      for (const number of numbers) encoding.writeVarUint(encoder, number)
    }
    uints(1, 1 + structs, client, 0)
    uints(kinds.deleted, rootType)
    encoding.writeVarString(encoder, letter)
    uints(clocksBefore)
    // the same ones over and over: lib0's encoder is not to be compiled for this
    for (let index = 0; index < structs; index += period) encoding.writeUint8Array(encoder, some)
    uints(1, client, deletions)
    // in order and apart, as Yjs writes them
    for (let index = 0; index < deletions; index++) {
      encoding.writeUint8Array(encoder, deletionAt(firstDeleted + 2 * index))
    }
  })
}

function letters(): Uint8Array {
  return encoding.encode((encoder) => {
    for (let index = 0; index < period; index++) {
      const [isDeleted, isBetween] = [index % 3 === 0, index % 2 === 0]
      encoding.writeUint8(encoder, (isDeleted ? kinds.deleted : kinds.string) | origin | (isBetween ? rightOrigin : 0))
      for (const clock of isBetween ? [clocksBefore - 1, firstDeleted] : [clocksBefore - 1]) {
        encoding.writeVarUint(encoder, client)
        encoding.writeVarUint(encoder, clock)
      }
      if (isDeleted) encoding.writeVarUint(encoder, 1)
      else encoding.writeVarString(encoder, letter)
    }
  })
}

/** The clock as a number of three bytes, and a length of one. */
function deletionAt(clock: number): Uint8Array {
  return Uint8Array.of(0x80 | (clock & 0x7f), 0x80 | ((clock >> 7) & 0x7f), clock >> 14, 1)
}
