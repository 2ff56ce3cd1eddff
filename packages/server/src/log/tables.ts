import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sync } from './directory.js'
import { maskedChecksum } from './writeAhead.js'

// LevelDB's table format: blocks, each with a type (1 byte) and a checksum (4) behind it, and a footer that tells where two
// of them are: one that names the filter, and one that names all blocks of entries
const footerBytes = 48
const magic = 0xdb4775248b80fb57n
const plain = 0
const snappy = 1
/** no type that LevelDB knows: it tells that the block is damaged, and goes on behind it */
const noType = 0xff

interface Block {
  readonly offset: number
  readonly size: number
}

/**
 * Makes damage in tables plain for LevelDB, which looks at no checksum when it reads: what comes out of a damaged block it
 * takes for entries, and where their keys are in no order its repair ends the process. To be called on a database that is
 * not open, and of which there is a copy: a table that does not tell where its blocks are is removed.
 */
export async function markDamagedBlocks(location: string): Promise<void> {
  const names = (await readdir(location)).filter((name) => /^\d+\.(ldb|sst)$/.test(name))
  for (const name of names) {
    const path = join(location, name)
    const bytes = await readFile(path)
    const damaged = damagedBlocks(bytes)
    if (damaged === null) await rm(path)
    if (damaged === null || damaged.length === 0) continue
    for (const { offset, size } of damaged) bytes[offset + size] = noType
    await writeFile(path, bytes)
    await sync(path)
  }
  await sync(location)
}

/** The blocks of a table that do not match their checksum; null where it does not tell where they are. */
export function damagedBlocks(table: Buffer): Block[] | null {
  const footer = table.subarray(-footerBytes)
  if (footer.length < footerBytes || footer.readBigUInt64LE(footerBytes - 8) !== magic) return null
  try {
    const reader = new Reader(footer)
    const [meta, index] = [reader.block(), reader.block()]
    if (!isWhole(table, index)) return null
    const blocks = [...blocksIn(contentOf(table, index)), meta]
    if (isWhole(table, meta)) blocks.push(...blocksIn(contentOf(table, meta)))
    return blocks.filter((block) => !isWhole(table, block))
  } catch (error) {
    if (error instanceof RangeError) return null
    throw error
  }
}

function isWhole(table: Buffer, { offset, size }: Block): boolean {
  const end = offset + size + 1
  if (end + 4 > table.length - footerBytes) throw new RangeError('A block beyond the end')
  return maskedChecksum(table.subarray(offset, end)) === table.readUInt32LE(end)
}

function contentOf(table: Buffer, { offset, size }: Block): Buffer {
  const content = table.subarray(offset, offset + size)
  const type = table[offset + size]
  if (type === snappy) return unpacked(content)
  if (type !== plain) throw new RangeError(`A block of type ${type}`)
  return content
}

/** What the entries of a block name. */
function* blocksIn(content: Buffer): Generator<Block, void> {
  const restarts = content.readUInt32LE(content.length - 4)
  const reader = new Reader(content.subarray(0, content.length - 4 - 4 * restarts))
  while (!reader.isAtEnd) {
    reader.varUint() // what its key shares with the one before
    const keyBytes = reader.varUint()
    const valueBytes = reader.varUint()
    reader.take(keyBytes)
    yield new Reader(reader.take(valueBytes)).block()
  }
}

class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length
  }

  byte(): number {
    return this.#bytes.readUInt8(this.#at++)
  }

  take(length: number): Buffer {
    if (this.#at + length > this.#bytes.length) throw new RangeError('It ends early')
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  varUint(): number {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = this.byte()
      value += (byte & 127) * factor
      if (byte < 128) return value
    }
  }

  uint(bytes: number): number {
    return this.take(bytes).readUIntLE(0, bytes)
  }

  block(): Block {
    return { offset: this.varUint(), size: this.varUint() }
  }
}

/** Snappy, without a frame: literals, and copies of what is there already. */
function unpacked(packed: Buffer): Buffer {
  const reader = new Reader(packed)
  const out = Buffer.alloc(reader.varUint())
  let at = 0
  const copy = (offset: number, length: number) => {
    if (offset === 0 || offset > at || at + length > out.length) throw new RangeError('A copy of nothing')
    for (const end = at + length; at < end; at++) out[at] = out[at - offset]!
  }
  while (!reader.isAtEnd) {
    const tag = reader.byte()
    const [kind, high] = [tag & 3, tag >> 2]
    if (kind === 0) {
      const literal = reader.take((high < 60 ? high : reader.uint(high - 59)) + 1)
      if (at + literal.length > out.length) throw new RangeError('More than was told')
      at += literal.copy(out, at)
    } else if (kind === 1) copy(((tag >> 5) << 8) | reader.byte(), (high & 7) + 4)
    else copy(reader.uint(kind === 2 ? 2 : 4), high + 1)
  }
  return out
}
