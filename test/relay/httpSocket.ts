import { EventEmitter } from 'node:events'
import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http'

/** What a {@link NativeClient} needs of a socket. */
export interface TestSocket extends EventEmitter {
  readonly readyState: number
  send(data: Uint8Array | string): void
  pause(): void
  resume(): void
  terminate(): void
}

/** One answer to one request. */
export interface Answer {
  readonly status: number
  readonly code: string | undefined
  readonly headers: IncomingMessage['headers']
}

/** Sends a body, and waits for the answer. */
export function post(url: string, headers: Record<string, string>, body: Uint8Array, agent?: Agent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', headers, ...(agent ? { agent } : {}) }, (response) => {
      let text = ''
      response.on('data', (bytes) => {
        text += bytes
      })
      response.on('end', () => {
        try {
          const code = text === '' ? undefined : JSON.parse(text).error.code
          resolve({ status: response.statusCode!, code, headers: response.headers })
        } catch {
          // a server goes on without its relay, and answers in its own words
          reject(new Error(`no answer of a relay: ${response.statusCode} ${text}`))
        }
      })
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

/** Protocol 1 over HTTP by the letter of PROTOCOL.md, with the face of a WebSocket. */
export class HttpTestSocket extends EventEmitter implements TestSocket {
  readyState = 0
  session = ''
  readonly #url: string
  // one at a time, since order counts
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })
  readonly #stream: ClientRequest
  #response: IncomingMessage | null = null
  #sequence = 0
  #sending: Promise<unknown> = Promise.resolve()
  #rest = ''

  /** @param url such as `ws://127.0.0.1:4321` */
  constructor(url: string) {
    super()
    this.#url = url.replace(/^ws/, 'http')
    this.#stream = request(`${this.#url}/sync/events`, { method: 'POST' }, (response) => {
      this.#response = response
      response.setEncoding('latin1')
      response.on('data', (text: string) => this.#hear(text))
      response.on('close', () => this.#closed(1006, ''))
    })
    this.#stream.on('error', (error) => {
      this.emit('error', error)
      this.#closed(1006, '')
    })
    this.#stream.end()
  }

  send(data: Uint8Array | string): void {
    const headers = { 'Syncline-Session': this.session, 'Syncline-Sequence': String(++this.#sequence) }
    const sent = this.#sending.then(() => post(`${this.#url}/sync/send`, headers, Buffer.from(data), this.#agent))
    this.#sending = sent.catch(() => {})
  }

  pause(): void {
    this.#response?.pause()
  }

  resume(): void {
    this.#response?.resume()
  }

  terminate(): void {
    this.#stream.destroy()
    this.#agent.destroy()
  }

  #hear(text: string): void {
    const events = (this.#rest + text).split('\n\n')
    this.#rest = events.pop()!
    for (const event of events) {
      const lines = event.split('\n')
      const data = lines.filter((line) => line.startsWith('data: ')).map((line) => line.slice(6))
      const name = lines.find((line) => line.startsWith('event: '))?.slice(7)
      if (name === undefined) this.emit('message', Buffer.concat(data.map((line) => Buffer.from(line, 'base64'))))
      else this.#told(name, JSON.parse(data.join('\n')))
    }
  }

  #told(name: string, said: { session?: string; code?: number; reason?: string }): void {
    if (name === 'close') return this.#closed(said.code!, said.reason!)
    this.session = said.session!
    this.readyState = 1
    this.emit('open')
  }

  #closed(code: number, reason: string): void {
    if (this.readyState === 3) return
    this.readyState = 3
    this.emit('close', code, Buffer.from(reason))
  }
}
