const mark = 'canary<'

/** The text that tells where a document's bytes have come to. */
export function canaryOf(document: string): string {
  return `${mark}${document}>`
}

/**
 * A text in each document that is found again wherever it goes: no frame may have that of a document which its client
 * has not opened.
 */
export class Canaries {
  /** what was where it must not be */
  readonly strays: string[] = []
  /** frames that had the canary of a document which their client has open */
  seen = 0
  frames = 0
  readonly #documents = new Set<string>()

  /** What a document is to have in it, from now on; its name has no `>`. */
  of(document: string): string {
    this.#documents.add(document)
    return canaryOf(document)
  }

  /** Looks through what a client got that has these documents open. */
  scan(frame: Uint8Array, open: ReadonlySet<string>): void {
    this.frames++
    const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength)
    for (let at = bytes.indexOf(mark); at >= 0; at = bytes.indexOf(mark, at + 1)) {
      const name = bytes.toString('utf8', at + mark.length, bytes.indexOf('>', at))
      if (open.has(name)) this.seen++
      // others are pieces of one that somebody has cut
      else if (this.#documents.has(name))
        this.strays.push(`${name} came to a client of ${[...open].join(', ') || 'nothing'}`)
    }
  }
}
