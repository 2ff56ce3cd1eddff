import type * as Y from 'yjs'
import type { Clock } from '../clock.js'
import type { LiveDocument } from './liveDocument.js'
import { applyMergePatch } from './patch.js'
import type { Author, DocumentPoint } from './types.js'
import { isObject, type Json, type JsonObject, type Storing } from './values.js'
import { withResolvers } from './writer.js'

interface Gathering {
  readonly document: LiveDocument
  readonly author: Author
  readonly storing: Storing
  readonly patches: { readonly patch: JsonObject; readonly check: () => void }[]
  readonly waiting: { readonly resolve: (point: DocumentPoint) => void; readonly reject: (error: unknown) => void }[]
}

/**
 * Merge patches that come faster than anybody reads, such as ticks of a price: those of one subject that come within a
 * window become one edit, with the last word on each key.
 */
export class Coalescer {
  readonly #clock: Clock
  readonly #gathering = new Map<string, Gathering>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Resolves when the edit that has the patch is on disk: up to `windowMs` later than it would be. */
  merge(
    document: LiveDocument,
    author: Author,
    patch: JsonObject,
    { windowMs, storing, check = () => {} }: Gathered,
  ): Promise<DocumentPoint> {
    const key = JSON.stringify([document.name, author.subject, storing])
    let gathering = this.#gathering.get(key)
    if (gathering?.document !== document) {
      const started: Gathering = { document, author, storing, patches: [], waiting: [] }
      gathering = started
      this.#gathering.set(key, started)
      this.#clock.after(windowMs, () => {
        if (this.#gathering.get(key) === started) this.#gathering.delete(key)
        void this.#write(started)
      })
    }
    gathering.patches.push({ patch, check })
    const { promise, resolve, reject } = withResolvers<DocumentPoint>()
    gathering.waiting.push({ resolve, reject })
    return promise
  }

  async #write({ document, author, storing, patches, waiting }: Gathering): Promise<void> {
    const write = (some: Gathering['patches']) => {
      const check = () => {
        for (const each of some) each.check()
      }
      const run = (doc: Y.Doc) => {
        for (const patch of composed(some.map((each) => each.patch))) applyMergePatch(doc, patch, storing)
      }
      return document.write({ author, check, make: { run } })
    }
    try {
      const point = await write(patches)
      for (const { resolve } of waiting) resolve(point)
    } catch {
      // one of them cannot be applied: that one is told so, and the others are written
      for (const [index, patch] of patches.entries()) {
        const { resolve, reject } = waiting[index]!
        await write([patch]).then(resolve, reject)
      }
    }
  }
}

/** How a patch is gathered. */
export interface Gathered {
  readonly windowMs: number
  readonly storing: Storing
  /** throws where the patch may not be written any more when its turn comes */
  readonly check?: () => void
}

/** Fewer merge patches that do the same, one after the other. */
export function composed(patches: readonly JsonObject[]): JsonObject[] {
  const result: JsonObject[] = []
  for (const patch of patches) {
    const last = result.at(-1)
    const both = last && composedPair(last, patch)
    if (both) result[result.length - 1] = both
    else result.push(patch)
  }
  return result
}

/** Null where no merge patch does what these two do: one that replaces a value, and then one that adds to the new one. */
function composedPair(first: JsonObject, second: JsonObject): JsonObject | null {
  const result: Record<string, Json> = { ...first }
  for (const [key, value] of Object.entries(second)) {
    const before = result[key]
    if (!isObject(value) || before === undefined) {
      result[key] = value
    } else {
      const both = isObject(before) ? composedPair(before, value) : null
      if (both === null) return null
      result[key] = both
    }
  }
  return result
}
