import type { Chance } from '../../support/sessions.js'

type Change =
  | { readonly type: 'write'; readonly offset: number; readonly bytes: Buffer }
  | { readonly type: 'truncate'; readonly size: number }

/** A change that no sync has brought to the disk. */
interface Pending {
  readonly change: Change
  /** how many came before it */
  readonly order: number
  /** a sync was for it and failed: no later one tells whether it is there */
  readonly isInDoubt: boolean
}

/** A file: what its last sync left, and what was written since. */
export class FileOnDisk {
  readonly #durable = new Bytes()
  #pending: Pending[] = []
  #changes = 0

  constructor(durable: Buffer = Buffer.alloc(0)) {
    this.#durable.write(0, durable)
  }

  write(offset: number, bytes: Buffer): void {
    this.#change({ type: 'write', offset, bytes })
  }

  truncate(size: number): void {
    this.#change({ type: 'truncate', size })
  }

  /** A sync begins now; the result ends it. */
  beginSync(): (ok: boolean) => void {
    const end = this.#changes
    return (ok) => {
      const covered = this.#pending.filter(({ order }) => order < end)
      const later = this.#pending.filter(({ order }) => order >= end)
      this.#pending = [...(ok ? this.#settle(covered) : covered.map(doubt)), ...later]
    }
  }

  /** Brings changes to the disk, except those in doubt; returns these. */
  #settle(covered: readonly Pending[]): Pending[] {
    let inDoubt: Pending[] = []
    for (const pending of covered) {
      if (pending.isInDoubt) inDoubt.push(pending)
      else apply(this.#durable, pending.change)
      if (!pending.isInDoubt && pending.change.type === 'truncate') inDoubt = []
    }
    return inDoubt
  }

  /** The file as a running process reads it. */
  seen(): Buffer {
    return this.#with(this.#pending.map(({ change }) => change))
  }

  /** What may be left after a power cut. */
  leftover(chance: Chance): Buffer {
    const changes = this.#pending.map(({ change }) => change)
    switch (chance.int(4)) {
      case 0:
        return this.#with([])
      case 1:
        return this.#with(changes)
      case 2: {
        const kept = changes.slice(0, chance.int(changes.length + 1))
        const last = kept.pop()
        return this.#with(last === undefined ? kept : [...kept, torn(last, chance)])
      }
      default:
        return this.#with(changes.flatMap((change) => (chance.happens(0.5) ? [mangled(change, chance)] : [])))
    }
  }

  #change(change: Change): void {
    this.#pending.push({ change, order: this.#changes++, isInDoubt: false })
  }

  #with(changes: readonly Change[]): Buffer {
    if (changes.length === 0) return this.#durable.view()
    const bytes = new Bytes()
    bytes.write(0, this.#durable.view())
    for (const change of changes) apply(bytes, change)
    return bytes.view()
  }
}

function doubt(pending: Pending): Pending {
  return { ...pending, isInDoubt: true }
}

function apply(bytes: Bytes, change: Change): void {
  if (change.type === 'truncate') bytes.truncate(change.size)
  else bytes.write(change.offset, change.bytes)
}

/** As much of a write as had reached the disk. */
function torn(change: Change, chance: Chance): Change {
  if (change.type === 'truncate') return change
  return { ...change, bytes: change.bytes.subarray(0, chance.int(change.bytes.length + 1)) }
}

/** Whole, torn at the end or at the beginning, or the size without the bytes. */
function mangled(change: Change, chance: Chance): Change {
  if (change.type === 'truncate') return change
  const { offset, bytes } = change
  const cut = chance.int(bytes.length + 1)
  switch (chance.int(4)) {
    case 0:
      return torn(change, chance)
    case 1:
      return { type: 'write', offset: offset + cut, bytes: bytes.subarray(cut) }
    case 2:
      return { type: 'write', offset, bytes: Buffer.alloc(bytes.length) }
    default:
      return change
  }
}

/** Bytes that grow; a hole reads as zeros. */
class Bytes {
  #bytes = Buffer.alloc(256)
  #size = 0

  write(offset: number, bytes: Buffer): void {
    const end = offset + bytes.length
    if (end > this.#bytes.length) {
      const grown = Buffer.alloc(2 * end)
      this.#bytes.copy(grown, 0, 0, this.#size)
      this.#bytes = grown
    }
    bytes.copy(this.#bytes, offset)
    this.#size = Math.max(this.#size, end)
  }

  truncate(size: number): void {
    if (size < this.#size) this.#bytes.fill(0, size, this.#size)
    this.#size = size
  }

  view(): Buffer {
    return this.#bytes.subarray(0, this.#size)
  }
}
