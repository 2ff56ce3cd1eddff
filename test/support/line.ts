import { WebSocket } from 'ws'

/** A line from the relay on which frames wait where the test wants it: latency without luck. */
export class Line {
  readonly #waiting: (() => void)[] = []
  #isHeld = false

  /** The class for sockets on this line, for `connect` and for y-websocket alike. */
  readonly WebSocket = socketOn(this)

  /** From now on, frames wait. */
  hold(): void {
    this.#isHeld = true
  }

  /** Lets one waiting frame in. */
  letOneIn(): void {
    this.#waiting.shift()?.()
  }

  /** Lets in all that wait and all that come. */
  release(): void {
    this.#isHeld = false
    for (const deliver of this.#waiting.splice(0)) deliver()
  }

  /** A frame came. */
  arrived(deliver: () => void): void {
    if (this.#isHeld) this.#waiting.push(deliver)
    else deliver()
  }
}

function socketOn(line: Line): typeof WebSocket {
  return class extends WebSocket {
    override emit(event: string | symbol, ...details: unknown[]): boolean {
      if (event !== 'message') return super.emit(event, ...details)
      line.arrived(() => super.emit(event, ...details))
      return true
    }
  }
}
