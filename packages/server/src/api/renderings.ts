import type { DocumentPoint } from '../documents/types.js'

const bytesMax = 64 * 1024 * 1024
// ways to read one document: by pointer and form; strangers pick the pointers
const representationsMax = 64

interface Rendered {
  readonly version: string
  readonly bodies: Map<string, Uint8Array<ArrayBuffer>>
}

/** What documents came to when they were read last, as the bytes that are sent: until the document changes. */
export class Renderings {
  readonly #documents = new Map<string, Rendered>()
  #bytes = 0

  find(document: string, point: DocumentPoint, representation: string): Uint8Array<ArrayBuffer> | null {
    const rendered = this.#documents.get(document)
    return rendered?.version === versionOf(point) ? (rendered.bodies.get(representation) ?? null) : null
  }

  keep(document: string, point: DocumentPoint, representation: string, body: Uint8Array<ArrayBuffer>): void {
    const version = versionOf(point)
    let rendered = this.#documents.get(document)
    if (rendered?.version !== version) {
      this.#forget(document)
      rendered = { version, bodies: new Map() }
      this.#documents.set(document, rendered)
    }
    if (rendered.bodies.size >= representationsMax || rendered.bodies.has(representation)) return
    rendered.bodies.set(representation, body)
    this.#bytes += body.length
    // the oldest goes
    while (this.#bytes > bytesMax) this.#forget(this.#documents.keys().next().value as string)
  }

  #forget(document: string): void {
    for (const body of this.#documents.get(document)?.bodies.values() ?? []) this.#bytes -= body.length
    this.#documents.delete(document)
  }
}

function versionOf({ epoch, position }: DocumentPoint): string {
  return `${epoch}-${position}`
}
