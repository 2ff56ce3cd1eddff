import { Cursor } from './cursor.js'
import { skipAny, skipDocOptions, skipJson, skipJsonElement } from './values.js'

/** The kinds of struct in update v1: the low five bits of a struct's first byte. */
export const kinds = {
  gc: 0,
  deleted: 1,
  json: 2,
  binary: 3,
  string: 4,
  embed: 5,
  format: 6,
  type: 7,
  any: 8,
  doc: 9,
  skip: 10,
} as const

/** The bit of a struct's first byte that says that an origin follows. */
export const hasOrigin = 0x80
const hasRightOrigin = 0x40
/** With an origin or a right origin, the key is theirs, and is not written. */
const hasParentSub = 0x20

/** A {@link Cursor} that reads structs. The fields are those of the struct read last. */
export class StructCursor extends Cursor {
  info = 0
  /** client of the origin, -1 where there is none */
  originClient = -1
  originClock = 0
  /** client of the right origin, -1 where there is none */
  rightClient = -1
  rightClock = 0
  /** client of the parent, -1 where it is a root type or copied from a neighbour */
  parentClient = -1
  parentClock = 0
  /** where the content starts */
  contentAt = 0

  get kind(): number {
    return this.info & 0x1f
  }

  /**
   * Reads the struct that has the id (`client`, `clock`), checks it, and returns its length in clocks: never 0.
   *
   * @throws SynclineError `malformed_update`
   */
  struct(client: number, clock: number): number {
    const info = this.byte()
    this.info = info
    this.originClient = this.rightClient = this.parentClient = -1
    const kind = info & 0x1f
    if (kind === kinds.gc || kind === kinds.skip) {
      // Yjs reads a Skip with other bits as an item when it merges, and as a Skip when it applies
      if (info !== kind) throw this.fault('A struct without references has bits for them', this.at - 1)
      return this.#length()
    }
    if ((info & hasOrigin) !== 0) {
      this.originClient = this.uint()
      this.originClock = this.uint()
      if (this.originClient === client) this.#assertEarlier(this.originClock, clock)
    }
    if ((info & hasRightOrigin) !== 0) {
      this.rightClient = this.uint()
      this.rightClock = this.uint()
      if (this.rightClient === client) this.#assertEarlier(this.rightClock, clock)
    }
    if ((info & (hasOrigin | hasRightOrigin)) === 0) this.#parent(client, clock)
    this.contentAt = this.at
    return this.#content(kind)
  }

  #parent(client: number, clock: number): void {
    const named = this.uint()
    if (named === 1) {
      this.text()
    } else if (named === 0) {
      this.parentClient = this.uint()
      this.parentClock = this.uint()
      if (this.parentClient === client) this.#assertEarlier(this.parentClock, clock)
    } else {
      throw this.fault('A parent is neither a name nor an id')
    }
    if ((this.info & hasParentSub) !== 0) this.text()
  }

  #content(kind: number): number {
    switch (kind) {
      case kinds.string: {
        const at = this.at
        const length = this.text()
        if (length === 0) throw this.fault('A string is empty', at)
        return length
      }
      case kinds.deleted:
        return this.#length()
      case kinds.json: {
        const length = this.#length()
        for (let left = length; left > 0; left--) skipJsonElement(this)
        return length
      }
      case kinds.any: {
        const length = this.#length()
        for (let left = length; left > 0; left--) skipAny(this)
        return length
      }
      default:
        this.#singleContent(kind)
        return 1
    }
  }

  #singleContent(kind: number): void {
    switch (kind) {
      case kinds.binary:
        return this.skip(this.uint())
      case kinds.embed:
        return skipJson(this)
      case kinds.format:
        this.text()
        return skipJson(this)
      case kinds.type:
        return this.#type()
      case kinds.doc:
        this.text()
        return skipDocOptions(this)
      default:
        throw this.fault(`A struct has the unknown kind ${kind}`)
    }
  }

  #type(): void {
    const type = this.uint()
    if (type > 6) throw this.fault(`A shared type has the unknown number ${type}`)
    // an XML element and an XML hook have names
    if (type === 3 || type === 5) this.text()
  }

  #length(): number {
    const length = this.uint()
    if (length === 0) throw this.fault('A struct is empty')
    return length
  }

  /** Yjs takes for granted that it has what a client's struct refers to of the same client. */
  #assertEarlier(reference: number, clock: number): void {
    if (reference >= clock) throw this.fault('A struct refers to itself or to a later one of its client')
  }
}
