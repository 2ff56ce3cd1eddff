import { assertDocumentName, type ErrorCode, SynclineError, unreachable } from '@syncline/protocol'
import type * as Y from 'yjs'
import { Backoff } from './backoff.js'
import { inspect } from './devtools/inspect.js'
import { Recorder } from './devtools/recorder.js'
import type { DocumentInspection } from './devtools/types.js'
import { type DocumentHost, SharedDocument } from './document.js'
import { Handle, type HandleHost } from './handle.js'
import { closeCodes, Link, type LinkEnd } from './link.js'
import { Listeners, report } from './listeners.js'
import { Offline } from './offline.js'
import { watchPage } from './page.js'
import { firstContent } from './seed.js'
import { Sessions } from './sessions.js'
import { scopeKey } from './store/state.js'
import type { Store, StoreScope } from './store/types.js'
import type { TabsPlatform } from './tabs/platform.js'
import type { SiblingHost, Siblings } from './tabs/siblings.js'
import { Tabs } from './tabs/tabs.js'
import { Tokens } from './tokens.js'
import type {
  Clock,
  Connection,
  ConnectionState,
  DocumentHandle,
  OpenOptions,
  TokenSource,
  TransportKind,
  WebSocketLike,
} from './types.js'

/** The options of `connect`, resolved. */
export interface ConnectionConfig {
  /** makes a socket to the relay */
  readonly openSocket: () => WebSocketLike
  readonly token: TokenSource | null
  readonly store: Store | null
  readonly identity: string
  readonly clock: Clock
  /** numbers in [0, 1) */
  readonly random: () => number
  readonly retryMsMax: number
  readonly silenceMsMax: number
  /** name and version of this client */
  readonly agent: string
  /** where other tabs are; null: this connection stands alone */
  readonly tabs: TabsPlatform | null
}

/** How the connection stands, in full; {@link ConnectionState} is what the application is told. */
type State =
  /** by `goOffline`, or because the page was left */
  | { readonly at: 'offline'; readonly until: 'goOnline' | 'woken' }
  /** until the backoff calls */
  | { readonly at: 'waiting' }
  /** until the application has given a token */
  | { readonly at: 'asking'; readonly since: number }
  | { readonly at: 'connecting'; readonly link: Link; readonly since: number }
  | { readonly at: 'online'; readonly link: Link }
  /** the relay and this client have no version in common */
  | { readonly at: 'refused'; readonly code: ErrorCode; readonly reason: string }
  | { readonly at: 'closed' }

/** A document with the handles that share it. */
interface Shared {
  readonly document: SharedDocument
  readonly handles: Set<Handle>
  /** nobody looks at it: it is only brought up to date, and has no cursor */
  isQuiet: boolean
}

/** An attempt that is older than this when the page wakes may have begun in a network that is gone. */
const staleMsMin = 1_000

/** How often synced documents are compared with the relay. */
const compareMs = 60_000

/** A relay that leaves can send its clients away for no longer than this. */
const absenceMsMax = 60_000

/** The documents of one relay, the link that they share, and when to make another link. */
export class RelayConnection implements Connection, DocumentHost, HandleHost {
  readonly url: string
  readonly clock: Clock
  updateBytesMax = Number.POSITIVE_INFINITY
  readonly #config: ConnectionConfig
  readonly #backoff: Backoff
  readonly #tokens: Tokens
  readonly #stateListeners = new Listeners<ConnectionState>()
  readonly #offline: Offline
  readonly #scope: StoreScope
  readonly #tabs: Tabs | null
  readonly #stopWatchingPage: () => void
  readonly #shared = new Map<string, Shared>()
  /** those that are shared, and with a promise those that still send what was pending when they were closed */
  readonly #documents = new Map<SharedDocument, Promise<void> | null>()
  readonly #sessions: Sessions
  #state: State = { at: 'offline', until: 'goOnline' }
  #told: ConnectionState = 'offline'
  /** the relay has said that it leaves: the backoff is set to its wish */
  #relayLeaves = false
  #cancelComparing: () => void = () => undefined
  #closing: Promise<void> | null = null

  constructor(url: string, config: ConnectionConfig) {
    this.url = url
    this.clock = config.clock
    this.#config = config
    this.#backoff = this.newBackoff()
    this.#tokens = new Tokens(config.token, config.clock, config.random, this.newBackoff())
    this.#sessions = new Sessions(this.#tokens, () => this.#link)
    this.#scope = { relay: url, identity: config.identity }
    this.#offline = new Offline((name) => this.#openQuietly(name), config.store, this.#scope)
    this.#tabs = config.tabs && this.#joinTabs(config.tabs)
    this.#stopWatchingPage = watchPage({ woken: () => this.#woken(), left: () => this.#left() })
  }

  get state(): ConnectionState {
    const { at } = this.#state
    if (at !== 'waiting' && at !== 'asking' && at !== 'connecting') return at
    return this.#backoff.failures === 0 ? 'connecting' : 'offline'
  }

  get transport(): TransportKind | null {
    return this.#state.at === 'online' ? this.#state.link.transport : null
  }

  /** there, but not necessarily open */
  get #link(): Link | null {
    return this.#state.at === 'connecting' || this.#state.at === 'online' ? this.#state.link : null
  }

  open(name: string, options: OpenOptions = {}): DocumentHandle {
    // made first: where it can't be, nothing is opened
    const seed = options.initial && firstContent(options.initial, name)
    const handle = this.#open(name, options)
    const shared = this.#shared.get(name)
    if (seed) shared?.document.beginWith(seed)
    if (shared?.isQuiet) {
      shared.isQuiet = false
      handle.awareness.setLocalState({})
    }
    return handle
  }

  #openQuietly(name: string): DocumentHandle {
    const isShared = this.#shared.has(name)
    const handle = this.#open(name, {})
    if (!isShared) {
      this.#shared.get(name)!.isQuiet = true
      handle.awareness.setLocalState(null)
    }
    return handle
  }

  #open(name: string, options: OpenOptions): DocumentHandle {
    assertDocumentName(name)
    if (this.#closing !== null) throw new SynclineError('closed')
    const shared = this.#shared.get(name) ?? this.#share(name, options.doc)
    if (options.doc && options.doc !== shared.document.doc) {
      throw new SynclineError('invalid_option', `"${name}" is open with another Y.Doc`)
    }
    const release = () => this.#release(shared, handle)
    const signals = this.#sessions.signalsOf(shared.document)
    const handle: Handle = new Handle(shared.document, signals, release, this, options.subdocuments)
    shared.handles.add(handle)
    return handle
  }

  on(_event: 'state', listener: (state: ConnectionState) => void): () => void {
    return this.#stateListeners.add(listener)
  }

  goOffline(): void {
    if (this.#state.at === 'refused' || this.#state.at === 'closed') return
    this.#hangUp()
    this.#enter({ at: 'offline', until: 'goOnline' })
    this.#tabs?.resign()
  }

  goOnline(): void {
    if (this.#state.at === 'offline' || this.#state.at === 'waiting') this.#connectAtOnce()
  }

  kept(): Promise<string[]> {
    return this.#offline.list()
  }

  keepOffline(names: readonly string[], progress: (done: number, of: number) => void = () => {}): Promise<void> {
    return this.#offline.keep(names, progress)
  }

  async forget(name: string): Promise<void> {
    await this.#closeHandles([name])
    await this.#offline.forget(name)
  }

  async erase(): Promise<void> {
    if (this.#closing === null) {
      this.#hangUp()
      this.#enter({ at: 'offline', until: 'goOnline' })
      this.#closing = this.#close()
    }
    await this.#closing
    try {
      await this.#offline.erase()
    } finally {
      // not before: whoever leads next looks for what was left pending
      this.#tabs?.close()
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close().finally(() => this.#tabs?.close())
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#closeHandles([...this.#shared.keys()])
    await Promise.all(this.#documents.values())
    this.#stopWatchingPage()
    this.#hangUp()
    this.#enter({ at: 'closed' })
  }

  // Documents

  async #closeHandles(names: readonly string[]): Promise<void> {
    const handles = names.flatMap((name) => [...(this.#shared.get(name)?.handles ?? [])])
    await Promise.all(handles.map((handle) => handle.close()))
  }

  #share(name: string, doc: Y.Doc | undefined): Shared {
    const document = new SharedDocument(name, doc, this, this.#config.store?.open(this.#scope, name) ?? null)
    const handles = new Set<Handle>()
    // there is nothing left to keep in sync
    document.destroyed = () => {
      for (const handle of handles) void handle.close()
    }
    const shared: Shared = { document, handles, isQuiet: false }
    // what was typed in a replica of this name that is being closed must be in the copy that is read
    const before = [...this.#documents.keys()].filter((other) => other.name === name)
    void Promise.all(before.map((other) => other.settled())).then(() => document.read())
    this.#shared.set(name, shared)
    this.#documents.set(document, null)
    if (this.#state.at === 'refused') this.#refuse(document, this.#state)
    else this.#sessions.join(document)
    return shared
  }

  async #release({ document, handles }: Shared, handle: Handle): Promise<void> {
    handles.delete(handle)
    if (handles.size > 0) return
    // from here on an `open` of the name makes a new replica: this one only sends what is left
    this.#shared.delete(document.name)
    document.destroyed = () => undefined
    const ended = document.end()
    this.#documents.set(document, ended)
    await ended
    if (!document.status.saved) this.#offline.foundMore()
    this.#documents.delete(document)
    this.#sessions.leave(document)
  }

  reopen(document: SharedDocument): void {
    this.#sessions.leave(document)
    this.#sessions.join(document)
  }

  #refuse(document: SharedDocument, { code, reason }: { readonly code: ErrorCode; readonly reason: string }): void {
    document.join(() => undefined)
    document.fault(code, reason, false)
  }

  // The link

  #connectAtOnce(): void {
    this.#backoff.reset()
    this.#connect()
  }

  #connect(): void {
    this.#hangUp()
    if (!this.#tokens.areAsked) return this.#dial(this.#tokens.constant)
    const asking: State = { at: 'asking', since: this.clock.now() }
    this.#enter(asking)
    this.#tokens.ask().then(
      (token) => {
        if (this.#state === asking) this.#dial(token)
      },
      (error: unknown) => {
        if (this.#state === asking) this.#failed(error)
      },
    )
  }

  #dial(token: string | null): void {
    try {
      const socket = this.#tabs?.openSocket(this.#backoff.failures === 0) ?? this.#config.openSocket()
      const link = this.#newLink(socket, token)
      this.#enter({ at: 'connecting', link, since: this.clock.now() })
    } catch (error) {
      this.#failed(error)
    }
  }

  #failed(error: unknown): void {
    if (this.#backoff.failures === 0) report(error)
    this.#wait()
  }

  #newLink(socket: WebSocketLike, token: string | null): Link {
    const { silenceMsMax, agent } = this.#config
    return new Link(
      socket,
      this.clock,
      silenceMsMax,
      { agent, token },
      {
        opened: () => this.#opened(),
        welcomed: (updateBytesMax) => {
          this.updateBytesMax = updateBytesMax
          this.#welcomed()
        },
        received: (channel, reply) => this.#sessions.received(channel, reply),
        faulted: (channel, error) => this.#sessions.faulted(channel, error),
        settled: () => this.#sessions.settle(),
        expires: (expiresMs) => this.#tokens.renewBefore(expiresMs, this.#sessions.renewed),
        leaving: (retryMs) => this.#leaving(retryMs),
        ended: (end) => this.#lost(end),
      },
    )
  }

  #opened(): void {
    this.#sessions.begin(this.#documents.keys())
  }

  #welcomed(): void {
    if (this.#state.at !== 'connecting') return
    this.#backoff.succeeded()
    this.#compareLater()
    this.#enter({ at: 'online', link: this.#state.link })
    this.#sendPending()
  }

  /** The relay goes; what it still has to acknowledge may come, but not later than it wants to see us again. */
  #leaving(retryMs: number): void {
    this.#relayLeaves = true
    this.#backoff.retryAfter(Math.min(retryMs, absenceMsMax), () => this.#connect())
  }

  #lost(end: LinkEnd): void {
    if (end.code === closeCodes.unsupportedVersion) return this.#turnedAway(end.reason)
    if (end.code === closeCodes.moved) return this.#connectAtOnce()
    const waits = this.#relayLeaves
    this.#drop()
    if (waits) this.#enter({ at: 'waiting' })
    else this.#wait()
  }

  #wait(): void {
    this.#backoff.retry(() => this.#connect())
    this.#enter({ at: 'waiting' })
  }

  /** Trying again would end the same way. */
  #turnedAway(reason: string): void {
    const refusal = { code: 'unsupported_version', reason } as const
    for (const document of this.#documents.keys()) this.#refuse(document, refusal)
    this.#hangUp()
    this.#enter({ at: 'refused', ...refusal })
  }

  /** No link, and no attempt to make one. */
  #hangUp(): void {
    this.#backoff.cancel()
    this.#link?.close()
    this.#drop()
  }

  #drop(): void {
    this.#relayLeaves = false
    this.#cancelComparing()
    this.#tokens.cancel()
    this.#sessions.clear()
    for (const document of this.#documents.keys()) document.leave()
  }

  #compareLater(): void {
    // spread, so that the clients of a relay that restarted don't ask in step for ever
    this.#cancelComparing = this.clock.after(compareMs * (0.5 + this.#config.random()), () => {
      for (const document of this.#documents.keys()) document.compareWithRelay()
      this.#sendPending()
      this.#compareLater()
    })
  }

  // Other tabs

  #joinTabs(platform: TabsPlatform): Tabs {
    const { openSocket, clock, random, silenceMsMax } = this.#config
    const group = scopeKey(this.#scope)
    const config = { group, openSocket, clock, random, silenceMsMax, newBackoff: () => this.newBackoff() }
    return new Tabs(platform, config, {
      stale: () => this.#reread(),
      inherited: () => {
        this.#offline.foundMore()
        this.#reread()
        if (this.#state.at === 'online') this.#sendPending()
      },
      online: () => {
        if (this.#state.at === 'waiting' && !this.#relayLeaves) this.#connectAtOnce()
      },
    })
  }

  inspect(document: SharedDocument): DocumentInspection {
    const { recorders } = this.#sessions
    const recorder = recorders.get(document) ?? new Recorder(this.clock)
    recorders.set(document, recorder)
    const { url, state, transport } = this
    // without one nobody has a socket, for this tab either
    const isElsewhere = transport !== null && this.#tabs?.leads === false
    return inspect(document, recorder, { url, state, transport, isElsewhere })
  }

  siblings(name: string, host: SiblingHost): Siblings | null {
    return this.#tabs?.share(name, host) ?? null
  }

  #reread(): void {
    for (const document of this.#documents.keys()) document.reread()
  }

  /** Of all tabs the leader does it. */
  #sendPending(): void {
    if (this.#tabs?.leads !== false) this.#offline.sendPending()
  }

  // The page

  #woken(): void {
    this.#tabs?.woken()
    const state = this.#state
    switch (state.at) {
      case 'offline':
        return state.until === 'woken' ? this.#connectAtOnce() : undefined
      case 'waiting':
        return this.#connectAtOnce()
      case 'asking':
      case 'connecting':
        return this.clock.now() - state.since > staleMsMin ? this.#connectAtOnce() : undefined
      case 'online':
        return state.link.probe()
      case 'refused':
      case 'closed':
        return
      default:
        return unreachable(state)
    }
  }

  /** Hangs up, so that the others see this cursor go at once; the browser would let them wait. */
  #left(): void {
    const { at } = this.#state
    for (const document of this.#documents.keys()) document.endTurn()
    if (at === 'waiting' || at === 'asking' || at === 'connecting' || at === 'online') {
      this.#hangUp()
      this.#enter({ at: 'offline', until: 'woken' })
    }
    this.#tabs?.leave()
  }

  #enter(state: State): void {
    this.#state = state
    for (const document of this.#documents.keys()) document.connectionChanged()
    if (this.state === this.#told) return
    this.#told = this.state
    this.#stateListeners.emit(this.state)
  }

  newBackoff(): Backoff {
    return new Backoff(this.#config.clock, this.#config.random, this.#config.retryMsMax)
  }
}
