import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { type AddressInfo, connect as connectTcp, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** A box as some networks have them between a client and its relay: HTTP passes, WebSockets may not. */
export class Middlebox {
  /** what becomes of WebSockets */
  upgrades: 'pass' | 'refused' | 'swallowed' | 'deaf' = 'refused'
  /** asked with each request that was answered: true where the answer gets lost on its way */
  loses: (request: IncomingMessage) => boolean = () => false
  /** paths of the requests that came */
  readonly requests: string[] = []
  upgradesSeen = 0
  readonly #target: { readonly port: number }
  readonly #server = createServer((incoming, answer) => this.#forward(incoming, answer))
  readonly #sockets = new Set<Socket>()

  constructor(target: { readonly port: number }) {
    this.#target = target
    this.#server.on('upgrade', (incoming, socket: Socket, head) => this.#upgrade(incoming, socket, head))
    this.#server.on('connection', (socket) => this.#sockets.add(socket.on('close', () => this.#sockets.delete(socket))))
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async start(): Promise<this> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    onTestFinished(() => {
      for (const socket of this.#sockets) socket.destroy()
      this.#server.close()
    })
    return this
  }

  #forward(incoming: IncomingMessage, answer: ServerResponse): void {
    this.requests.push(incoming.url ?? '')
    const { method, url: path, headers } = incoming
    const forwarded = request({ port: this.#target.port, method, path, headers }, (response) => {
      if (this.loses(incoming)) return void response.on('end', () => incoming.socket.destroy()).resume()
      answer.writeHead(response.statusCode ?? 502, response.headers)
      response.pipe(answer)
    })
    forwarded.on('error', () => (answer.headersSent ? answer.destroy() : answer.writeHead(502).end()))
    answer.on('close', () => forwarded.destroy())
    incoming.pipe(forwarded)
  }

  #upgrade({ url, rawHeaders }: IncomingMessage, near: Socket, head: Buffer): void {
    this.upgradesSeen++
    near.on('error', () => {})
    if (this.upgrades === 'refused') return void near.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n')
    if (this.upgrades === 'swallowed') return
    const isDeaf = this.upgrades === 'deaf'
    const far = connectTcp(this.#target.port, '127.0.0.1')
    const lines = rawHeaders.reduce((text, part, i) => text + part + (i % 2 === 0 ? ': ' : '\r\n'), '')
    far.write(`GET ${url} HTTP/1.1\r\n${lines}\r\n`)
    far.write(head)
    far.pipe(near)
    // it opens, and nothing that is said reaches the relay
    if (!isDeaf) near.pipe(far)
    far.on('error', () => near.destroy()).on('close', () => near.destroy())
    near.on('close', () => far.destroy())
  }
}
