import type { Socket } from 'node:net'

// Some hundreds of the smallest frames: half a millisecond. More than 16 KB at once would be more than ws' own buffer calls
// full, so that it stopped and started the socket for each.
const pieceBytes = 8 * 1024

/**
 * Has what one read of a socket brings handed on in pieces. Whoever listens takes all frames of what it is given, of a
 * whole read some ten thousand; now the socket can be paused in between, and then the rest of the read waits in it.
 *
 * @param reading runs what hands on a piece
 */
export function readInPieces(stream: Socket, reading: (handOn: () => void) => void): void {
  const emit: (event: string | symbol, ...details: unknown[]) => boolean = stream.emit.bind(stream)
  stream.emit = (event: string | symbol, ...details: unknown[]) => {
    const [bytes] = details
    if (event !== 'data' || !(bytes instanceof Uint8Array) || bytes.length <= pieceBytes) return emit(event, ...details)
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      if (at > 0 && stream.isPaused()) {
        stream.unshift(bytes.subarray(at))
        break
      }
      reading(() => emit('data', bytes.subarray(at, at + pieceBytes)))
    }
    return true
  }
}
