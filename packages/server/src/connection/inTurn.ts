import type { Duplex } from 'node:stream'
import type { Slices } from './slices.js'

/**
 * Lets somebody in: at once, or in turn where much was done just now. Some hundred who come in the same moment would
 * otherwise be served before anybody who is there already.
 *
 * @param socket who waits; one that is gone meanwhile is passed over
 * @param letIn must not throw
 */
export function inTurn(slices: Slices, socket: Duplex, letIn: () => void): void {
  const begin = slices.now()
  const timed = (since: number) => {
    letIn()
    const now = slices.now()
    slices.spend(now - since, now)
  }
  if (!slices.isCrowded(begin)) return timed(begin)
  const onError = () => socket.destroy()
  socket.on('error', onError)
  slices.add({
    goOn: () => {
      socket.off('error', onError)
      if (!socket.destroyed) timed(slices.now())
      return false
    },
  })
}
