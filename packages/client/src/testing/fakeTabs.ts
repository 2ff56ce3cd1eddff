import type { TabChannel, TabLockOptions, TabsPlatform } from '../tabs/platform.js'

interface Request {
  readonly tab: FakeTab
  readonly name: string
  readonly shared: boolean
  readonly held: () => Promise<void>
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** A browser of one origin: its tabs have locks and channels in common, and can be killed and frozen. */
export class FakeBrowser {
  readonly #holders = new Map<string, Request[]>()
  #queue: Request[] = []
  readonly #channels = new Set<FakeChannel>()
  #tabs = 0

  /** @param later runs what comes to the tab from outside, in order; default as soon as it can */
  newTab(later: (run: () => void) => void = queueMicrotask): FakeTab {
    return new FakeTab(this, `client-${this.#tabs++}`, later)
  }

  holderOf(name: string): FakeTab | undefined {
    return this.#holders.get(name)?.[0]?.tab
  }

  get locks(): { readonly name: string; readonly clientId: string }[] {
    return [...this.#holders].flatMap(([name, holders]) => holders.map(({ tab }) => ({ name, clientId: tab.clientId })))
  }

  request(tab: FakeTab, name: string, options: TabLockOptions, held: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      if (tab.isGone) return
      const request: Request = { tab, name, shared: options.mode === 'shared', held, resolve, reject }
      options.signal?.addEventListener('abort', () => {
        if (this.#queue.includes(request)) request.reject(new Error('AbortError'))
        this.#queue = this.#queue.filter((other) => other !== request)
      })
      if (options.steal) {
        for (const robbed of this.#holders.get(name) ?? []) robbed.tab.deliver(() => robbed.reject(new Error('Stolen')))
        this.#holders.delete(name)
        this.#queue.unshift(request)
      } else this.#queue.push(request)
      this.#grant()
    })
  }

  open(tab: FakeTab, name: string): FakeChannel {
    const channel = new FakeChannel(this, tab, name)
    this.#channels.add(channel)
    return channel
  }

  post(from: FakeChannel, message: unknown): void {
    const others = [...this.#channels].filter((channel) => channel.name === from.name && channel !== from)
    for (const channel of others) {
      const data = structuredClone(message)
      channel.tab.deliver(() => {
        if (this.#channels.has(channel)) channel.onmessage?.({ data } as never)
      })
    }
  }

  closeChannel(channel: FakeChannel): void {
    this.#channels.delete(channel)
  }

  /** The process of a tab is gone. */
  forget(tab: FakeTab): void {
    for (const channel of this.#channels) if (channel.tab === tab) this.#channels.delete(channel)
    this.#queue = this.#queue.filter((request) => request.tab !== tab)
    for (const [name, holders] of this.#holders) {
      const left = holders.filter((request) => request.tab !== tab)
      if (left.length > 0) this.#holders.set(name, left)
      else this.#holders.delete(name)
    }
    this.#grant()
  }

  #grant(): void {
    const blocked = new Set<string>()
    for (const request of [...this.#queue]) {
      const { name, shared, tab } = request
      const holders = this.#holders.get(name) ?? []
      const free = holders.length === 0 || (shared && holders.every((holder) => holder.shared))
      if (!free || blocked.has(name)) {
        blocked.add(name)
        continue
      }
      this.#queue = this.#queue.filter((other) => other !== request)
      this.#holders.set(name, [...holders, request])
      tab.deliver(() => void request.held().then(() => this.#release(request)))
    }
  }

  #release(request: Request): void {
    const holders = this.#holders.get(request.name) ?? []
    const left = holders.filter((holder) => holder !== request)
    if (left.length > 0) this.#holders.set(request.name, left)
    else if (holders.includes(request)) this.#holders.delete(request.name)
    request.resolve()
    this.#grant()
  }
}

/** One tab: what comes to it waits while it is frozen. */
export class FakeTab implements TabsPlatform {
  readonly clientId: string
  readonly #browser: FakeBrowser
  #isFrozen = false
  isGone = false
  isHidden = false
  readonly #waiting: (() => void)[] = []

  readonly #later: (run: () => void) => void

  constructor(browser: FakeBrowser, clientId: string, later: (run: () => void) => void) {
    this.#browser = browser
    this.clientId = clientId
    this.#later = later
  }

  readonly locks = {
    request: (name: string, options: TabLockOptions, held: () => Promise<void>) =>
      this.#browser.request(this, name, options, held),
    query: async () => ({ held: this.#browser.locks }),
  }

  channel(name: string): FakeChannel {
    return this.#browser.open(this, name)
  }

  hidden(): boolean {
    return this.isHidden
  }

  get isFrozen(): boolean {
    return this.#isFrozen
  }

  /** Something happens to it from outside: in a task of its own, in order. */
  deliver(task: () => void): void {
    this.#later(() => {
      this.#waiting.push(task)
      this.#run()
    })
  }

  freeze(): void {
    this.#isFrozen = true
  }

  /** What came meanwhile comes now. */
  thaw(): void {
    this.#isFrozen = false
    this.#run()
  }

  /** Its process is gone, without a word. */
  kill(): void {
    this.isGone = true
    this.#waiting.length = 0
    this.#browser.forget(this)
  }

  #run(): void {
    while (!this.#isFrozen && !this.isGone && this.#waiting.length > 0) this.#waiting.shift()!()
  }
}

/** A BroadcastChannel of one tab. */
export class FakeChannel implements TabChannel {
  onmessage: ((event: never) => void) | null = null
  readonly tab: FakeTab
  readonly name: string
  readonly #browser: FakeBrowser
  #isClosed = false

  constructor(browser: FakeBrowser, tab: FakeTab, name: string) {
    this.#browser = browser
    this.tab = tab
    this.name = name
  }

  postMessage(message: unknown): void {
    if (this.#isClosed) throw new Error('InvalidStateError')
    if (!this.tab.isGone) this.#browser.post(this, message)
  }

  close(): void {
    this.#isClosed = true
    this.#browser.closeChannel(this)
  }
}
