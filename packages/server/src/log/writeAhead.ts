import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32c } from '@syncline/protocol'

// LevelDB's write-ahead format: blocks of 32 KiB with chunks of checksum (4 bytes), length (2), type (1) and bytes
const blockBytes = 32 * 1024
const chunkHeadBytes = 7
const maskDelta = 0xa282ead8

/** Bytes of a write-ahead file that do not match their checksum: LevelDB drops them, and says nothing. */
export interface WriteAheadFault {
  /** name of the file in the log's directory */
  readonly file: string
  /** where they begin, in bytes */
  readonly offset: number
  /**
   * Nothing valid comes after them: a power cut leaves that, of a write that was not acknowledged. Elsewhere they were
   * written, and have changed since.
   */
  readonly isEnd: boolean
}

/**
 * Reads the write-ahead files of a LevelDB directory. To be called before it is opened: opening takes the files in, and
 * what is dropped of them then cannot be seen any more.
 */
export async function findWriteAheadFaults(location: string): Promise<WriteAheadFault[]> {
  const files = (await readdir(location)).filter((name) => /^\d+\.log$/.test(name)).sort()
  const faults: WriteAheadFault[] = []
  for (const file of files) {
    const found = faultsIn(await readFile(join(location, file)))
    faults.push(...found.map((fault) => ({ file, ...fault })))
  }
  return faults
}

function faultsIn(bytes: Buffer): Omit<WriteAheadFault, 'file'>[] {
  const offsets: number[] = []
  let lastValid = -1
  for (let block = 0; block < bytes.length; block += blockBytes) {
    const end = Math.min(block + blockBytes, bytes.length)
    let isDropped = false // LevelDB drops the rest of a block, also what is valid there
    for (let at = block; at + chunkHeadBytes <= end; ) {
      const next = at + chunkHeadBytes + bytes.readUInt16LE(at + 4)
      if (next === at + chunkHeadBytes && bytes.readUInt32LE(at) === 0) break // space that was reserved
      if (next <= end && isValid(bytes, at, next)) lastValid = at
      else if (!isDropped) {
        isDropped = true
        offsets.push(at)
      }
      at = next
    }
  }
  return offsets.map((offset) => ({ offset, isEnd: offset > lastValid }))
}

function isValid(bytes: Buffer, at: number, end: number): boolean {
  return maskedChecksum(bytes.subarray(at + 6, end)) === bytes.readUInt32LE(at)
}

/** The checksum of some bytes as LevelDB stores it, so that those of bytes with checksums in them are no trouble. */
export function maskedChecksum(bytes: Uint8Array): number {
  const crc = crc32c(bytes)
  return (((crc >>> 15) | (crc << 17)) + maskDelta) >>> 0
}
