/** What a returning client has of a document. */
export interface Known {
  /** where it left off, as its wire tells it; only protocol 1 has that */
  readonly point: unknown
  readonly stateVector: Uint8Array
  /** what it answers when the server asks for what it lacks: without edits, the deletions of the whole document */
  readonly difference: Uint8Array
}

/** A client that has nothing yet. */
export const nothing: Known = { point: null, stateVector: Uint8Array.of(0), difference: Uint8Array.of(0, 0) }

/** What a frame from a server says. The bytes are views into the frame. */
export interface Receiver {
  /** to be sent back at once */
  reply(frame: Uint8Array): void
  /** everything that the server had was sent; the client may write */
  synced(): void
  update(update: Uint8Array): void
  awareness(update: Uint8Array): void
  /** so many of the updates that were written are saved, in the server's words */
  saved(count: number): void
  failed(reason: string): void
}

/** One session on the wire: puts updates into frames and reads the server's. */
export interface Codec {
  /** where it left off, for {@link Known} */
  readonly point: unknown
  /** what is sent when the socket opens */
  greet(): Uint8Array[]
  update(update: Uint8Array): Uint8Array
  awareness(update: Uint8Array): Uint8Array
  read(frame: Uint8Array, to: Receiver): void
}

/** A wire protocol, as light as it can be spoken: no Y.Doc, and updates are encoded beforehand. */
export interface Wire {
  readonly name: string
  /** true where the server says what it has saved */
  readonly acknowledges: boolean
  /** true where a frame holds any number of messages, each after its length; otherwise a frame is a message */
  readonly packs: boolean
  readonly subprotocols: string[]
  /** the WebSocket's address; `base` is without a slash at its end */
  url(base: string, document: string): string
  newCodec(document: string, known: Known): Codec
}
