import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { assertDocumentName, type ErrorCode, type Log, SynclineError, subprotocol } from '@syncline/protocol'
import type { Hono } from 'hono'
import type { WebSocketServer } from 'ws'
import { Broadcast } from './admin/broadcast.js'
import { Latencies } from './admin/latencies.js'
import { Overseer, type Overview } from './admin/overview.js'
import { settingsOf } from './admin/settings.js'
import { createApi } from './api/api.js'
import { type ApiOptions, apiServices } from './api/services.js'
import type { Revocation, Visitor } from './auth/authorize.js'
import { Beats } from './connection/beats.js'
import { ClientSession } from './connection/clientSession.js'
import type { RelayContext } from './connection/context.js'
import { HttpTransport } from './connection/http/transport.js'
import { inTurn } from './connection/inTurn.js'
import { leavingMs } from './connection/leaving.js'
import { Link, type LinkHandler, type LinkSource } from './connection/link.js'
import { NativeConnection } from './connection/native.js'
import type { LinkSocket } from './connection/socket.js'
import { webSocketServers } from './connection/webSocketServers.js'
import { addTraffic, countRefusal, type RelayStats } from './counters.js'
import { HocuspocusConnection } from './dialects/hocuspocus.js'
import { YWebsocketConnection } from './dialects/yWebsocket.js'
import { Coalescer } from './documents/coalescer.js'
import { Documents } from './documents/documents.js'
import { ServerDocument } from './documents/serverDocument.js'
import type { Condition } from './health.js'
import { Overload } from './limits/limiter.js'
import { limitsWith } from './limits/limits.js'
import { retentionOf } from './maintenance/retention.js'
import { nameMatcher } from './names.js'
import { contextOf, edgesOf } from './relayContext.js'
import type { RelayOptions } from './relayOptions.js'
import { Reserve } from './rooms/reserve.js'
import type { Rooms } from './rooms/rooms.js'
import { OriginPolicy, offers, type Route, refuseUpgrade, routeOf } from './upgrade.js'
import { type WebhookStatus, type Webhooks, webhooksOf } from './webhooks/webhooks.js'

// how long a drain waits for readers
const drainMs = 3_000

/**
 * The relay: serves documents from a log to WebSocket clients, on the upgrades of one or several HTTP servers.
 *
 * @example
 * ```ts
 * const server = http.createServer(app)
 * const relay = new Relay(log)
 * relay.attach(server)
 * server.listen(8080)
 * ```
 */
export class Relay {
  readonly #context: RelayContext
  readonly #rooms: Rooms
  readonly #documents: Documents
  readonly #webhooks: Webhooks | null
  readonly #coalescer: Coalescer
  readonly #overseer: Overseer
  readonly #origins: OriginPolicy
  readonly #sockets: Readonly<Record<Route['to'], WebSocketServer>>
  readonly #http: HttpTransport
  readonly #links = new Set<Link>()
  readonly #beats: Beats
  readonly #detach: (() => void)[] = []
  readonly #closeLast: (() => Promise<void>)[] = []
  #onLastLinkClosed = () => {}
  #hasWarnedOfProxy = false
  #closed: Promise<void> | null = null

  /**
   * @param log where the documents are; the relay owns it from here on, and closes it
   * @throws SynclineError `invalid_option`
   */
  constructor(log: Log, options: RelayOptions = {}) {
    this.#origins = new OriginPolicy(options.allowOrigins ?? [])
    const limits = limitsWith(options.limits ?? {})
    const edges = edgesOf(options)
    this.#webhooks = webhooksOf(options.webhooks ?? [], options.store ?? null, {
      ...edges,
      retry: options.webhookRetry ?? {},
    })
    const latencies = new Latencies(options.commitObserver ?? null, edges.exception)
    this.#context = contextOf(log, limits, { ...options, commitObserver: latencies }, edges, this.#webhooks)
    this.#rooms = this.#context.rooms
    const overseen = { context: this.#context, relay: this, latencies, settings: settingsOf(limits, options) }
    this.#overseer = new Overseer({ ...overseen, disk: options.disk ?? null })
    const broadcast = new Broadcast(this.#context, this.#overseer)
    this.#rooms.onOperator = () => broadcast.begin()
    this.#detach.push(
      () => broadcast.close(),
      () => this.#overseer.close(),
    )
    this.#documents = new Documents(this.#context)
    this.#webhooks?.start(this.#documents)
    this.#coalescer = new Coalescer(this.#context.clock)
    this.#sockets = webSocketServers(limits)
    this.#http = new HttpTransport(this.#context, {
      assertWelcome: (request) => this.#assertWelcome(request),
      refusal: (request, thrown) => this.#refusal(request, thrown),
      connect: (socket, source, visitor) => this.#connect(socket, source, { to: 'native' }, visitor),
    })
    this.#beats = new Beats(this.#context.clock, this.#links)
    if (options.disk) {
      const { clock, logger } = this.#context
      const reserve = new Reserve(options.disk, { clock, logger, changed: (isLow) => this.#rooms.setReadOnly(isLow) })
      this.#detach.push(() => reserve.close())
    }
    const retention = retentionOf(options.deleteAfter ?? [], this.#context)
    this.#detach.push(() => retention?.close())
  }

  /** False while documents cannot be opened and changed: the log has failed, its disk is full, or the relay is stopping. */
  get ready(): boolean {
    return this.#rooms.ready
  }

  /** Whether documents can be opened and changed, and if not why. */
  get condition(): Exclude<Condition, 'event_loop_late'> {
    return this.#closed === null ? this.#rooms.condition : 'draining'
  }

  /** True while documents can be read only: less than the reserve of the disk is free. */
  get isReadOnly(): boolean {
    return this.#rooms.isReadOnly
  }

  /** What an operator sees of it at this moment. */
  overview(): Promise<Overview> {
    return this.#overseer.look()
  }

  /** What the relay is doing, and what it has counted. */
  stats(): RelayStats {
    const { size: rooms, sessions, gatherMs, tailBytes } = this.#rooms
    const { backlog, counters } = this.#context
    const refusedByCode = { ...counters.refusedByCode }
    const rejectedByCode = { ...counters.rejectedByCode }
    const counted = { ...counters, refusedByCode, rejectedByCode }
    for (const link of this.#links) addTraffic(counted, link.traffic)
    const now = { connections: this.#links.size, sessions, rooms, gatherMs, tailBytes, backlogBytes: backlog.bytes }
    return { ...now, webhooksPending: this.#webhooks?.pending ?? 0, ...counted }
  }

  /**
   * Serves the upgrades of a server, and the requests of clients whose network lets no WebSocket through: `/sync/events`
   * and `/sync/send`. Upgrades to paths that are not the relay's are left to the server's other upgrade listeners; where
   * there is none they get 404. Other requests are left to the listeners that the server has by now.
   */
  attach(server: Server): void {
    const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      if (this.handleUpgrade(request, socket, head)) return
      if (server.listenerCount('upgrade') === 1) this.#refuse(request, socket, new SynclineError('not_found'))
    }
    server.on('upgrade', onUpgrade)
    const others = server.listeners('request') as RequestListener[]
    let isAttached = true
    const onRequest: RequestListener = (request, response) => {
      if (isAttached && this.handleRequest(request, response)) return
      for (const listener of others) listener.call(server, request, response)
    }
    server.removeAllListeners('request').on('request', onRequest)
    this.#detach.push(() => {
      server.off('upgrade', onUpgrade)
      isAttached = false
      // whoever has put a listener around it goes on calling it, and a request must not be answered twice
      if (!server.listeners('request').includes(onRequest)) return
      server.off('request', onRequest)
      for (const listener of others) server.on('request', listener)
    })
  }

  /**
   * Takes one request of a client that comes without a WebSocket: for servers that route requests themselves
   * (`request.url` decides, so set it to `/sync/events` or `/sync/send` first).
   *
   * @returns false where the path is none of these; then nothing was touched
   */
  handleRequest(request: IncomingMessage, response: ServerResponse): boolean {
    return this.#http.handle(request, response)
  }

  /**
   * Takes one upgrade: for servers that route upgrades themselves, to a path of their own for instance (`request.url`
   * decides, so set it to `/sync`, `/hocuspocus` or `/y/<document>` first).
   *
   * @returns false where the path is none of the relay's; then the socket was not touched
   */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    try {
      const route = routeOf(request.url ?? '', this.#context.limits.nameBytesMax)
      if (route === null) return false
      inTurn(this.#context.slices, socket, () => this.#letIn(route, request, socket, head))
    } catch (error) {
      this.#refuse(request, socket, error)
    }
    return true
  }

  /**
   * A document, for code of the process that the relay is in: to read it, to edit it with the durability of everybody's
   * edits, and to be told of changes. It asks for no grant.
   *
   * @param options.subject in whose name it is edited, kept in the log; default none
   * @throws SynclineError `invalid_name`
   */
  document(name: string, options: { readonly subject?: string } = {}): ServerDocument {
    assertDocumentName(name, this.#context.limits.nameBytesMax)
    return new ServerDocument(this.#documents, this.#coalescer, name, options.subject ?? '')
  }

  /**
   * The HTTP interface for documents, below `/api/v1`: an application of Hono, to serve alone or to mount in another one.
   * Each call makes one; a relay needs one.
   */
  api(options: ApiOptions = {}): Hono {
    const { services, close } = apiServices(options, {
      context: this.#context,
      documents: this.#documents,
      coalescer: this.#coalescer,
      origins: this.#origins,
      remove: (document) => this.remove(document),
      create: (document) => this.create(document),
      webhooks: { status: () => this.webhookStatus(), replay: (pattern) => this.replayWebhooks(pattern) },
      compact: (document) => this.compact(document),
      look: () => this.overview(),
    })
    this.#closeLast.push(close)
    return createApi(services)
  }

  /**
   * Deletes a document for good, with its history. Whoever has it open is told `document_deleted`, and whoever comes
   * back with it; it is not opened again unless {@link create} allows it.
   *
   * @returns false where there is none of this name
   * @throws SynclineError `storage_failed`, `document_busy`, `shutting_down`
   */
  remove(document: string): Promise<boolean> {
    return this.#rooms.remove(document)
  }

  /**
   * Lets a document that was deleted begin anew, empty. Clients that have the deleted one are still refused.
   *
   * @returns false where there is nothing of this name that was deleted
   * @throws SynclineError `storage_failed`, `shutting_down`
   */
  create(document: string): Promise<boolean> {
    this.#documents.forget(document)
    return this.#rooms.create(document)
  }

  /**
   * Compacts a document, whether it is due or not.
   *
   * @throws SynclineError `compaction_mismatch`, `compaction_failed`, and what reading it throws: it stays as it is
   */
  compact(document: string): Promise<void> {
    return this.#rooms.compact(document)
  }

  /**
   * Takes access away: a subject's to every document, everybody's to a document, or a subject's to a document. Sessions
   * that it is about end in this turn, and take nothing in and give nothing out any more. What was granted by something
   * that was issued before, such as a token that holds still, is refused from here on with `revoked`.
   *
   * @returns how many sessions were ended, when the revocation is on disk
   * @throws SynclineError `invalid_option`; `storage_failed` where it is in force but will not outlive this process
   */
  revoke(revocation: Revocation): Promise<number> {
    return this.#context.gate.revoke(revocation)
  }

  /** What is still to be told to webhooks and to `store`, and what was given up. */
  webhookStatus(): WebhookStatus {
    return this.#webhooks?.status() ?? { pending: 0, setAside: [] }
  }

  /**
   * Tells webhooks and `store` once more what was given up, and at once what waits for its next attempt.
   *
   * @param pattern of which documents, with `*` for any characters; default all
   * @returns how many were taken up again
   * @throws SynclineError `storage_failed`, `document_busy`
   */
  async replayWebhooks(pattern = '*'): Promise<number> {
    return (await this.#webhooks?.replay(nameMatcher([pattern]))) ?? 0
  }

  /**
   * Stops: tells clients to come back later, commits what is in flight, sends the acknowledgements, closes the sockets
   * and the log. What clients send meanwhile is not acknowledged; they keep it.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  #letIn(route: Route, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    try {
      this.#accept(route, request, socket, head)
    } catch (error) {
      this.#refuse(request, socket, error)
    }
  }

  #accept(route: Route, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#assertWelcome(request)
    const isNative = route.to === 'native'
    if (isNative && !offers(request.headers['sec-websocket-protocol'], subprotocol)) {
      throw new SynclineError('unsupported_version', `Connect with the subprotocol ${subprotocol}`)
    }
    // the request itself costs 2 KB, and would live as long as the connection
    const { url = '', headers } = request
    const address = this.#context.proxies.addressOf(request)
    const account = this.#context.limiter.connect(address)
    // what is wrong with the handshake itself ws answers on its own, and calls nobody
    this.#sockets[route.to].handleUpgrade(request, socket, head, (webSocket) =>
      this.#connect(webSocket, { stream: socket, address, account }, route, { url, headers, address }),
    )
  }

  #assertWelcome({ headers: { origin, host } }: IncomingMessage): void {
    if (this.#closed !== null) throw new SynclineError('shutting_down')
    if (!this.#origins.allows(origin, host)) throw new SynclineError('forbidden_origin', `The origin is ${origin}`)
  }

  #refusal(request: IncomingMessage, thrown: unknown): SynclineError {
    const error = thrown instanceof SynclineError ? thrown : new SynclineError('internal')
    if (error !== thrown) this.#context.exception(thrown)
    countRefusal(this.#context.counters, error)
    this.#context.logger.info(
      { event: 'request_refused', error, address: this.#context.proxies.addressOf(request) },
      'a request was refused',
    )
    if (error instanceof Overload) this.#suspectProxy(request)
    return error
  }

  #refuse(request: IncomingMessage, socket: Duplex, thrown: unknown): void {
    const error = this.#refusal(request, thrown)
    refuseUpgrade(socket, upgradeStatuses[error.code] ?? 500, error, error instanceof Overload ? error.retryMs : null)
  }

  /** All visitors of a proxy that is not trusted share what one address may take. */
  #suspectProxy({ headers }: IncomingMessage): void {
    const isForwarded = headers['x-forwarded-for'] !== undefined || headers.forwarded !== undefined
    if (!isForwarded || !this.#context.proxies.isEmpty || this.#hasWarnedOfProxy) return
    this.#hasWarnedOfProxy = true
    this.#context.logger.warn(
      { event: 'proxy_not_trusted' },
      'visitors are refused by the address of a proxy, which is not trusted: --trust-proxy',
    )
  }

  #connect(socket: LinkSocket, source: LinkSource, route: Route, visitor: Visitor): void {
    source.account.holders++
    const link = new Link(socket, source, this.#context, () => {
      source.account.holders--
      addTraffic(this.#context.counters, link.traffic)
      this.#links.delete(link)
      if (this.#links.size === 0) this.#onLastLinkClosed()
    })
    this.#links.add(link)
    link.guarded(() => link.start(this.#handlerOf(route, link, visitor)))
  }

  #handlerOf(route: Route, link: Link, visitor: Visitor): LinkHandler {
    if (route.to === 'native') return new NativeConnection(link, this.#context, visitor)
    if (route.to === 'hocuspocus') return new HocuspocusConnection(link, this.#context, visitor)
    return new YWebsocketConnection(link, (wire) => new ClientSession(this.#context, wire), route.document, visitor)
  }

  async #close(): Promise<void> {
    const webhooksClosed = this.#webhooks?.close()
    let place = 0
    for (const link of this.#links) link.leave(leavingMs(place++, this.#links.size))
    await this.#rooms.drain()
    const allClosed = new Promise<void>((resolve) => {
      this.#onLastLinkClosed = resolve
    })
    for (const link of this.#links) link.finish(1001, 'shutting_down')
    const cancel = this.#context.clock.after(drainMs, () => {
      for (const link of this.#links) link.terminate()
    })
    if (this.#links.size > 0) await allClosed
    cancel()
    this.#beats.stop()
    for (const detach of this.#detach) detach()
    await webhooksClosed
    await this.#rooms.close()
    for (const close of this.#closeLast) await close()
  }
}

const upgradeStatuses: { readonly [code in ErrorCode]?: number } = {
  not_found: 404,
  invalid_name: 400,
  unsupported_version: 400,
  forbidden_origin: 403,
  rate_limited: 429,
  too_many_connections: 429,
  shutting_down: 503,
}
