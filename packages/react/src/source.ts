import { type Connection, type ConnectOptions, connect, type OpenOptions } from '@syncline/client'
import { OpenDocument } from './openDocument.js'
import { Users } from './users.js'

/**
 * Where the documents of a provider come from: a connection, and the documents that components have open on it. Making
 * one does nothing yet, as React may make several and keep one.
 */
export class Source {
  readonly #given: Connection | null
  readonly #documents = new Map<string, OpenDocument>()
  readonly #listeners = new Set<() => void>()
  readonly #users = new Users(() => this.#end())
  readonly #url: string
  readonly #options: ConnectOptions
  #own: Connection | null = null

  private constructor(given: Connection | null, url: string, options: ConnectOptions) {
    this.#given = given
    this.#url = url
    this.#options = options
  }

  /** The source of a connection that the application has made, and closes. */
  static of(connection: Connection): Source {
    const source = given.get(connection) ?? new Source(connection, connection.url, {})
    given.set(connection, source)
    return source
  }

  /** The source of a connection that is made at the first need, and closed when nobody needs it any more. */
  static to(url: string, options: ConnectOptions = {}): Source {
    // a component that React threw away while it was suspended left a connection that the next attempt takes over
    const open = [...connected].find((source) => source.#url === url && sameOptions(source.#options, options))
    return open ?? new Source(null, url, options)
  }

  /** the connection, where there is one by now */
  get connection(): Connection | null {
    return this.#given ?? this.#own
  }

  /** the connection; makes it */
  connect(): Connection {
    if (this.#given !== null) return this.#given
    if (this.#own === null) {
      this.#own = connect(this.#url, this.#options)
      connected.add(this)
      this.#users.expect()
      this.#tell()
    }
    return this.#own
  }

  /** Calls back when `connection` or a document changes; the result stops it. Makes nothing. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Needs the connection until the result is called. */
  use(): () => void {
    this.connect()
    return this.#users.add()
  }

  /** the document, where it is open by now */
  document(name: string): OpenDocument | null {
    return this.#documents.get(name) ?? null
  }

  /**
   * The document; opens it.
   *
   * @throws SynclineError as `Connection.open` does
   */
  open(name: string, options?: OpenOptions): OpenDocument {
    const open = this.#documents.get(name)
    if (open && open.handle.status.connection !== 'closed') return open
    const handle = this.connect().open(name, options)
    const release = this.#users.add()
    const made = new OpenDocument(handle, () => {
      if (this.#documents.get(name) === made) this.#documents.delete(name)
      release()
      this.#tell()
    })
    this.#documents.set(name, made)
    this.#tell()
    return made
  }

  #end(): void {
    const connection = this.#own
    this.#own = null
    connected.delete(this)
    void connection?.close()
    this.#tell()
  }

  /** Later: documents are opened while React renders, when no other component may be changed. */
  #tell(): void {
    queueMicrotask(() => {
      for (const listener of [...this.#listeners]) listener()
    })
  }
}

const given = new WeakMap<Connection, Source>()
const connected = new Set<Source>()

function sameOptions(a: ConnectOptions, b: ConnectOptions): boolean {
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]) as Set<keyof ConnectOptions>
  return [...keys].every((key) => Object.is(a[key], b[key]))
}
