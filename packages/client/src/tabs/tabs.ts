import type { Backoff } from '../backoff.js'
import { closeCodes } from '../link.js'
import { guarded } from '../listeners.js'
import type { Clock, WebSocketLike } from '../types.js'
import { Election } from './election.js'
import { LeaderWatch } from './leaderWatch.js'
import { Lives } from './lives.js'
import { FollowerLine, PipeMember } from './pipe.js'
import type { TabChannel, TabsPlatform } from './platform.js'
import { type SiblingHost, type SiblingMessage, Siblings } from './siblings.js'
import { TabSocket } from './socket.js'
import { Trunk } from './trunk.js'

/** What a connection gives its tabs. */
export interface TabsConfig {
  /** tabs of one group share a socket; it names relay and identity */
  readonly group: string
  readonly openSocket: () => WebSocketLike
  readonly clock: Clock
  readonly random: () => number
  readonly silenceMsMax: number
  readonly newBackoff: () => Backoff
}

/** What tabs tell their connection. */
export interface TabsEvents {
  /** this tab has slept: its documents may lack what others have written */
  stale(): void
  /** this tab leads, and another one has gone: what that had written and left pending is for the leader to send */
  inherited(): void
  /** the socket is there: whoever waits for the next attempt waits no more */
  online(): void
}

/** One leadership of one tab. */
interface Leader {
  readonly tab: string
  readonly term: string
}

/** What tabs tell each other, each with the tab that says it. */
type Message =
  /** who is there, and who leads? Asked by whoever comes, and by whoever has not heard of the leader for a while */
  | { readonly type: 'who' }
  | { readonly type: 'here' }
  | { readonly type: 'leader'; readonly term: string }
  | { readonly type: 'attach'; readonly term: string; readonly pipe: string; readonly urgent: boolean }
  | { readonly type: 'online' }
  | { readonly type: 'document'; readonly name: string; readonly id: string; readonly message: SiblingMessage }

type Signed = Message & { readonly from: string }

/** A leader that has done nothing for so long may have been deposed meanwhile, and asks before it goes on. */
const unsureMsMin = 400

/** The versions of this client whose tabs understand each other. */
const dialect = 'syncline-tabs-1'

/**
 * The tabs of one origin that share a relay and an identity. One of them leads: it has the WebSocket, and carries the
 * sessions of all. What is typed in one tab goes to the others directly.
 *
 * Invariants: a tab says nothing before it holds the lock of its life, so whoever hears of it learns of its end. Only
 * the holder of the leader's lock has a socket, save for one that was deposed while it slept: that one asks first.
 */
export class Tabs {
  readonly #platform: TabsPlatform
  readonly #config: TabsConfig
  readonly #events: TabsEvents
  readonly #name: string
  readonly #election: Election
  readonly #lives: Lives
  readonly #watch: LeaderWatch
  readonly #sockets = new Set<TabSocket>()
  readonly #siblings = new Map<string, Set<Siblings>>()
  /** the ends of pipes to those that follow, by tab */
  readonly #members = new Map<string, Set<PipeMember>>()
  /** this tab's name while it is in the group */
  #id = ''
  #state: 'out' | 'entering' | 'in' | 'alone' | 'closed' = 'out'
  #channel: TabChannel | null = null
  #leader: Leader | null = null
  #trunk: Trunk | null = null
  /** another tab was heard of */
  #hasCompany = false
  #lastName = 0
  #actedAt = 0

  constructor(platform: TabsPlatform, config: TabsConfig, events: TabsEvents) {
    this.#platform = platform
    this.#config = config
    this.#events = events
    this.#name = `${dialect}:${config.group}`
    this.#election = new Election(platform.locks, `${this.#name}:leader`, {
      elected: () => this.#elected(),
      deposed: () => this.#deposed(),
      failed: () => this.#standAlone(),
    })
    this.#lives = new Lives(platform.locks, `${this.#name}:tab`)
    this.#watch = new LeaderWatch(config.clock, config.random, () => platform.hidden(), {
      ask: () => this.#post({ type: 'who' }),
      silent: () => this.#election.steal(),
      slept: () => events.stale(),
    })
  }

  /** This tab has the socket, or would have it. */
  get leads(): boolean {
    return this.#trunk !== null
  }

  /** A socket to the relay: the leader's, whichever tab that is. */
  openSocket(urgent: boolean): WebSocketLike {
    const socket: TabSocket = new TabSocket(urgent, () => this.#socketOver(socket))
    this.#sockets.add(socket)
    this.enter()
    // whoever gets it has not looked at it yet
    queueMicrotask(() => this.#attachSockets())
    return socket
  }

  /** A document of this tab, to be shared with those that have it open as well. */
  share(name: string, host: SiblingHost): Siblings {
    const all = this.#siblings.get(name) ?? new Set()
    this.#siblings.set(name, all)
    const post = (message: SiblingMessage, id: string) => this.#post({ type: 'document', name, id, message })
    const siblings: Siblings = new Siblings(host, post, () => {
      all.delete(siblings)
      if (all.size === 0 && this.#siblings.get(name) === all) this.#siblings.delete(name)
    })
    all.add(siblings)
    this.enter()
    if (this.#state === 'in') this.#join(siblings)
    return siblings
  }

  /** Takes part, also again after {@link leave}. */
  enter(): void {
    if (this.#state !== 'out') return
    this.#state = 'entering'
    const id = this.#newName()
    this.#id = id
    this.#lives.begin(id).then(
      () => this.#entered(id),
      () => this.#standAlone(),
    )
    // the socket waits for both locks, and not for one after the other
    if (this.#sockets.size > 0) this.#election.stand()
  }

  /** The page is seen again: where it has slept, it says so. */
  woken(): void {
    this.enter()
    this.#watch.woken()
  }

  /** This tab wants no socket for now: another one leads. Edits go on from tab to tab. */
  resign(): void {
    if (this.#state === 'alone') return
    this.#watch.stop()
    this.#endTrunk()
    this.#election.resign()
  }

  /** The page is left, and may come back: for the others it is gone. */
  leave(): void {
    if (this.#state !== 'entering' && this.#state !== 'in') return
    this.#state = 'out'
    this.resign()
    for (const siblings of this.#allSiblings) siblings.parted()
    this.#channel?.close()
    this.#channel = null
    this.#leader = null
    this.#lives.end()
  }

  close(): void {
    this.leave()
    this.#endTrunk()
    this.#state = 'closed'
  }

  // Coming and going

  #entered(id: string): void {
    if (this.#state !== 'entering' || this.#id !== id) return
    this.#state = 'in'
    const channel = this.#platform.channel(this.#name)
    this.#channel = channel
    channel.onmessage = ({ data }: { readonly data: Signed }) => guarded(() => this.#heard(data))
    this.#post({ type: 'who' })
    for (const siblings of this.#allSiblings) this.#join(siblings)
    if (this.#election.leads) this.#elected()
    this.#attachSockets()
  }

  /** The browser keeps its promises to nobody here: as if there were no other tab. */
  #standAlone(): void {
    if (this.#state === 'closed' || this.#state === 'alone') return
    this.leave()
    this.#state = 'alone'
    this.#trunk = this.#newTrunk(() => true)
    this.#attachSockets()
  }

  #join(siblings: Siblings): void {
    guarded(() => siblings.joined(`${this.#id}/${++this.#lastName}`))
  }

  #gone(tab: string): void {
    for (const member of [...(this.#members.get(tab) ?? [])]) member.leave()
    for (const siblings of this.#allSiblings) guarded(() => siblings.gone(tab))
    if (this.leads) this.#events.inherited()
  }

  // Sockets

  #attachSockets(): void {
    if (this.#sockets.size === 0 || (this.#state !== 'in' && this.#state !== 'alone')) return
    if (this.#state === 'in') {
      this.#election.stand()
      if (!this.leads) this.#watch.start()
    }
    for (const socket of [...this.#sockets]) if (!socket.isAttached) this.#attach(socket)
  }

  #attach(socket: TabSocket): void {
    const trunk = this.#trunk
    if (trunk) {
      socket.attach({ send: (frame) => trunk.received(socket, frame), close: () => trunk.detach(socket) })
      trunk.attach(socket, socket.urgent)
    } else if (this.#leader) {
      const pipe = this.#newName()
      const { term } = this.#leader
      const channel = this.#platform.channel(this.#pipeName(pipe))
      socket.attach(new FollowerLine(channel, socket, () => this.#watch.heard()))
      this.#post({ type: 'attach', term, pipe, urgent: socket.urgent })
    }
  }

  #socketOver(socket: TabSocket): void {
    this.#sockets.delete(socket)
    if (this.#sockets.size === 0) this.#watch.stop()
  }

  /** Another tab has the socket now: sessions move, and what was not opened yet is opened there. */
  #moveSockets(): void {
    for (const socket of [...this.#sockets]) {
      if (socket.isOpen) socket.closed({ code: closeCodes.moved, reason: '' })
      else this.#attach(socket)
    }
    this.#attachSockets()
  }

  // Leading

  #elected(): void {
    if (this.#state !== 'in') return
    const wasFollower = this.#hasCompany
    this.#watch.stop()
    const term = this.#newName()
    this.#leader = { tab: this.#id, term }
    this.#actedAt = this.#config.clock.now()
    this.#trunk = this.#newTrunk(() => this.#stillLeads())
    this.#post({ type: 'leader', term })
    this.#moveSockets()
    if (wasFollower) this.#events.inherited()
  }

  #deposed(): void {
    this.#leader = null
    this.#endTrunk()
    this.#events.stale()
    this.#post({ type: 'who' })
    this.#attachSockets()
  }

  #newTrunk(mayRead: () => true | Promise<boolean>): Trunk {
    const { openSocket, clock, silenceMsMax, newBackoff } = this.#config
    return new Trunk(openSocket, clock, silenceMsMax, newBackoff(), {
      mayRead,
      opened: () => {
        this.#post({ type: 'online' })
        this.#events.online()
      },
    })
  }

  #endTrunk(): void {
    const trunk = this.#trunk
    this.#trunk = null
    if (trunk === null) return
    this.#leader = null
    trunk.end({ code: closeCodes.moved, reason: '' })
  }

  /** A tab that was frozen reads what had been on its way to it before it hears that it was deposed. */
  #stillLeads(): true | Promise<boolean> {
    const now = this.#config.clock.now()
    const isSure = now - this.#actedAt < unsureMsMin
    this.#actedAt = now
    return isSure || this.#askIfLeading()
  }

  async #askIfLeading(): Promise<boolean> {
    const trunk = this.#trunk
    const { held = [] } = await this.#platform.locks.query().catch(() => ({ held: [] }))
    const holderOf = (name: string) => held.find((lock) => lock.name === name)?.clientId
    const isHeld = holderOf(`${this.#name}:leader`) === holderOf(this.#lives.lockOf(this.#id))
    if (trunk !== this.#trunk) return false
    if (isHeld) return true
    this.#election.resign()
    this.#deposed()
    return false
  }

  // Hearing

  #heard(message: Signed): void {
    const { from } = message
    if (message.type === 'leader' || from === this.#leader?.tab) this.#watch.heard()
    const isNew = this.#lives.watch(from, () => this.#gone(from))
    this.#hasCompany = true
    switch (message.type) {
      case 'who':
        if (this.leads) return this.#claim()
        return isNew ? this.#post({ type: 'here' }) : undefined
      case 'here':
        return
      case 'leader':
        return this.#follow({ tab: from, term: message.term })
      case 'attach':
        return this.#carry(from, message)
      case 'online':
        return this.#events.online()
      case 'document':
        for (const siblings of [...(this.#siblings.get(message.name) ?? [])])
          guarded(() => siblings.receive(from, message.id, message.message))
    }
  }

  /** Says that this tab leads, if that is so. */
  #claim(): void {
    const still = this.#stillLeads()
    const say = (leads: boolean) => {
      if (leads && this.#leader) this.#post({ type: 'leader', term: this.#leader.term })
    }
    if (still === true) say(true)
    else void still.then(say)
  }

  #follow(leader: Leader): void {
    // whether somebody else does, the lock tells
    if (this.leads || leader.term === this.#leader?.term) return
    this.#leader = leader
    this.#moveSockets()
  }

  #carry(tab: string, { term, pipe, urgent }: Extract<Message, { type: 'attach' }>): void {
    const trunk = this.#trunk
    if (trunk === null || term !== this.#leader?.term) return
    const members = this.#members.get(tab) ?? new Set()
    this.#members.set(tab, members)
    const channel = this.#platform.channel(this.#pipeName(pipe))
    const member: PipeMember = new PipeMember(channel, trunk, this.#config.clock, () => {
      members.delete(member)
      if (members.size === 0 && this.#members.get(tab) === members) this.#members.delete(tab)
    })
    members.add(member)
    trunk.attach(member, urgent)
  }

  get #allSiblings(): Siblings[] {
    return [...this.#siblings.values()].flatMap((all) => [...all])
  }

  #pipeName(pipe: string): string {
    return `${this.#name}:pipe:${pipe}`
  }

  #post(message: Message): void {
    this.#channel?.postMessage({ ...message, from: this.#id })
  }

  #newName(): string {
    const part = () => Math.floor(this.#config.random() * 2 ** 32).toString(36)
    return `${part()}${part()}${this.#lastName++}`
  }
}
