import { type ClientOptions, WebSocket } from 'ws'

const mark = 'canary<'

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

  /** What a document is to begin with; its name has no `>`. */
  of(document: string): string {
    return `${mark}${document}>`
  }

  /** Looks through what a client got that has these documents open. */
  scan(frame: Uint8Array, open: ReadonlySet<string>): void {
    this.frames++
    const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength)
    for (let at = bytes.indexOf(mark); at >= 0; at = bytes.indexOf(mark, at + 1)) {
      const name = bytes.toString('utf8', at + mark.length, bytes.indexOf('>', at))
      if (open.has(name)) this.seen++
      else this.strays.push(`${name} came to a client of ${[...open].join(', ') || 'nothing'}`)
    }
  }

  /** The class of sockets of a client that has one document open. */
  socketsOf(document: string, opened: (socket: WebSocket) => void): typeof WebSocket {
    const open = new Set([document])
    const scan = (frame: Uint8Array) => this.scan(frame, open)
    const Socket = class extends WebSocket {
      constructor(address: string | URL, protocols?: string | string[], options?: ClientOptions) {
        super(address, protocols, options)
        opened(this)
      }

      override emit(event: string | symbol, ...details: unknown[]): boolean {
        if (event === 'message') scan(new Uint8Array(details[0] as ArrayBuffer))
        return super.emit(event, ...details)
      }
    }
    return Socket as unknown as typeof WebSocket
  }
}
