import * as encoding from 'lib0/encoding'
import * as Y from 'yjs'

/**
 * What a document says, as bytes: equal for equal documents, however their structs are cut. It makes no objects of what
 * it finds and does not call itself, so neither a key such as `__proto__` nor nesting of any depth leads it astray.
 */
export function contentOf(doc: Y.Doc): Uint8Array {
  const content = new ContentWriter()
  const roots = [...doc.share].sort(([a], [b]) => compare(a, b))
  for (const [name, root] of roots) {
    content.text('root', name)
    content.add(root)
  }
  content.writeTypes()
  return content.finish()
}

/** The part of a Yjs type that has what is in it. */
interface Container {
  readonly _start: Y.Item | null
  readonly _map: ReadonlyMap<string, Y.Item>
}

const kinds = ['root', 'end', 'key', 'string', 'any', 'json', 'other'] as const
type Kind = (typeof kinds)[number]

class ContentWriter {
  readonly #encoder = encoding.createEncoder()
  /** those whose content is still to be written, in the order in which they were met */
  readonly #types: Container[] = []
  /** pieces of one string: neighbouring structs may be one struct elsewhere */
  #string: string[] = []

  add(type: Container): void {
    this.#types.push(type)
  }

  text(kind: Kind, text: string): void {
    this.#mark(kind)
    encoding.writeVarString(this.#encoder, text)
  }

  writeTypes(): void {
    for (const type of this.#types) {
      for (let item = type._start; item !== null; item = item.right) this.#writeItem(item)
      for (const [key, item] of [...type._map].sort(([a], [b]) => compare(a, b))) {
        if (item.deleted) continue
        this.text('key', key)
        this.#writeItem(item)
      }
      this.#mark('end')
    }
  }

  finish(): Uint8Array {
    return encoding.toUint8Array(this.#encoder)
  }

  #writeItem({ deleted, content }: Y.Item): void {
    if (deleted) return
    if (content instanceof Y.ContentString) {
      this.#string.push(content.str)
    } else if (content instanceof Y.ContentAny) {
      for (const value of content.arr) {
        this.#mark('any')
        encoding.writeAny(this.#encoder, value)
      }
    } else if (content instanceof Y.ContentJSON) {
      for (const value of content.arr) this.text('json', JSON.stringify(value) ?? 'undefined')
    } else {
      this.#writeOther(content)
      if (content instanceof Y.ContentType) this.add(content.type)
    }
  }

  /** What is one struct wherever it is written: the kind of a type, formatting, bytes, an embed, a subdocument. */
  #writeOther(content: Y.Item['content']): void {
    const update = new Y.UpdateEncoderV1()
    content.write(update, 0)
    this.#mark('other')
    encoding.writeUint8(this.#encoder, content.getRef())
    encoding.writeVarUint8Array(this.#encoder, encoding.toUint8Array(update.restEncoder))
  }

  #mark(kind: Kind): void {
    if (this.#string.length > 0) {
      const string = this.#string.join('')
      this.#string = []
      this.text('string', string)
    }
    encoding.writeUint8(this.#encoder, kinds.indexOf(kind))
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
