/** A frame as `ws` hands it over; its own types are not among those that are published. */
export type SocketData = Buffer | ArrayBuffer | Buffer[]

/**
 * What a link needs of the socket below it: the part of a `WebSocket` of `ws` that it uses, which a transport over plain
 * HTTP has as well. `message` brings whole frames, `close` comes once and last.
 */
export interface LinkSocket {
  /** as that of a WebSocket: 1 is open */
  readonly readyState: number
  on(event: 'message', listener: (data: SocketData, isBinary: boolean) => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
  /** with the status of WebSocket: 1006 where the peer did not say that it leaves */
  on(event: 'close', listener: (status: number) => void): unknown
  /**
   * Sends a fragment of a frame; `fin` with its last one.
   *
   * @param done the kernel has taken it, or never will
   */
  send(
    data: Uint8Array,
    options: { readonly binary: boolean; readonly fin: boolean },
    done: (error?: Error | null) => void,
  ): void
  /** asks the peer's platform for a sign of life, where it has a way to do so */
  ping(): void
  /** reads nothing until {@link resume}: the peer is held back */
  pause(): void
  resume(): void
  /** says why, and closes once what was sent has gone */
  close(status: number, reason: Buffer): void
  /** closes now */
  terminate(): void
}

/** Where the bytes that a peer sends can be seen as they come. */
export interface ByteSource {
  on(event: 'data', listener: (bytes: Uint8Array) => void): unknown
}
