import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider'
import { connect } from '@syncline/client'
import type { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import type { Canaries } from '../support/canaries.js'
import type { RelayProcess } from '../support/relay.js'
import { until } from '../support/until.js'
import { scannedSockets } from './sockets.js'

/**
 * People who have one document open, each with an unmodified client of another kind, and mean no harm. Each has one
 * socket, which is to live as long as they do.
 */
export class Bystanders {
  readonly document: string
  readonly docs: readonly Y.Doc[]
  /** the first one's awareness: what a spoofer wants */
  readonly awareness: {
    readonly clientID: number
    getStates(): Map<number, unknown>
    setLocalState(state: object): void
  }
  /** what the second one sees of the others */
  readonly seen: { getStates(): Map<number, unknown> }
  readonly #sockets: WebSocket[]
  readonly #leave: () => Promise<void>
  #marks = 0
  #trips = 0

  private constructor(
    document: string,
    docs: readonly Y.Doc[],
    awarenesses: readonly Bystanders['awareness'][],
    sockets: WebSocket[],
    leave: () => Promise<void>,
  ) {
    this.document = document
    this.docs = docs
    this.awareness = awarenesses[0]!
    this.seen = awarenesses[1]!
    this.#sockets = sockets
    this.#leave = leave
  }

  static async join(relay: RelayProcess, document: string, canaries: Canaries): Promise<Bystanders> {
    const sockets: WebSocket[] = []
    const Socket = scannedSockets(canaries, document, (socket) => sockets.push(socket))
    const url = relay.webSocketUrl
    const connections = [0, 1].map(() =>
      connect(url, { webSocket: (to: string, protocols: string | string[]) => new Socket(to, protocols) }),
    )
    const handles = connections.map((connection) => connection.open(document))
    const y = new WebsocketProvider(`${url}/y`, document, new Y.Doc(), {
      WebSocketPolyfill: Socket as unknown as typeof globalThis.WebSocket,
      disableBc: true,
    })
    const socket = new HocuspocusProviderWebsocket({ url: `${url}/hocuspocus`, WebSocketPolyfill: Socket })
    const hocuspocus = new HocuspocusProvider({ name: document, document: new Y.Doc(), websocketProvider: socket })
    hocuspocus.attach()
    await Promise.all(handles.map(({ synced }) => synced))
    await until('all to be synced', () => y.synced && hocuspocus.isSynced)
    const [first, second] = handles
    const leave = async () => {
      hocuspocus.destroy()
      socket.destroy()
      y.destroy()
      await Promise.all(connections.map((connection) => connection.close()))
    }
    const bystanders = new Bystanders(
      document,
      [first!.doc, second!.doc, y.doc, hocuspocus.document],
      [first!.awareness, second!.awareness],
      sockets,
      leave,
    )
    first!.doc.getText().insert(0, canaries.of(document))
    await bystanders.inSync()
    return bystanders
  }

  /** That each of them sees what each of the others writes, over the sockets that they had from the beginning. */
  async inSync(): Promise<void> {
    const mark = ++this.#marks
    this.docs.forEach((doc, i) => void doc.getMap('marks').set(`${i}`, mark))
    const seen = () => this.docs.map((doc) => doc.getMap('marks').toJSON())
    const isThere = () => this.docs.every((doc) => this.docs.every((_, i) => doc.getMap('marks').get(`${i}`) === mark))
    await until(`the bystanders of ${this.document} to be in sync`, isThere, { seen })
    const states = new Set(this.docs.map((doc) => Buffer.from(Y.encodeStateVector(doc)).toString('hex')))
    const texts = new Set(this.docs.map((doc) => doc.getText().toString()))
    if (states.size > 1 || texts.size > 1) throw new Error(`the bystanders of ${this.document} differ`)
    if (this.docs.some(({ store }) => store.pendingStructs ?? store.pendingDs)) throw new Error('something is pending')
    const lost = this.#sockets.filter(({ readyState }) => readyState !== 1)
    if (this.#sockets.length !== this.docs.length || lost.length > 0) {
      throw new Error(`${lost.length} of ${this.#sockets.length} sockets of ${this.document} were lost`)
    }
  }

  /** How long it takes from one's edit until another sees it on the relay's word, in ms: each tells the next in turn. */
  async roundTrip(): Promise<number> {
    const turn = this.#trips++
    const [from, to] = [0, 1].map((place) => this.docs[(turn + place) % this.docs.length]!) as [Y.Doc, Y.Doc]
    const start = performance.now()
    const mark = `${turn}`
    const seen = new Promise<number>((resolve) => {
      const map = to.getMap('trips')
      const look = () => {
        if (map.get('trip') !== mark) return
        map.unobserve(look)
        resolve(performance.now() - start)
      }
      map.observe(look)
    })
    from.getMap('trips').set('trip', mark)
    return seen
  }

  leave(): Promise<void> {
    return this.#leave()
  }
}
