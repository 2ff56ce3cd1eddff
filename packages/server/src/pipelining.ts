import type { RequestListener, Server } from 'node:http'
import type { Socket } from 'node:net'

// nobody's client sends the next request before it has an answer; a proxy might, some of them
const unansweredMax = 16

/**
 * Ends connections on which requests do not wait for their answers. One write of 64 KB holds two thousand of the smallest,
 * and Node would have all of them handled before it looks at anybody else. Of what such a connection brought nothing more
 * is handled.
 *
 * @param server whose listeners for requests are there by now
 */
export function boundPipelining(server: Server): void {
  const handle = server.listeners('request') as RequestListener[]
  const unanswered = new WeakMap<Socket, number>()
  server.removeAllListeners('request').on('request', (request, response) => {
    const { socket } = request
    if (socket.destroyed) return
    const count = (unanswered.get(socket) ?? 0) + 1
    if (count > unansweredMax) return void socket.destroy()
    unanswered.set(socket, count)
    response.once('close', () => void unanswered.set(socket, (unanswered.get(socket) ?? 1) - 1))
    for (const listener of handle) listener.call(server, request, response)
  })
}
