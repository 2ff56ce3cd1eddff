import type { PeerView, RefusedNews } from '@syncline/protocol'
import { joined } from '../joined.js'

/** How far the edits of a tab are, counted as its Peer does. */
export interface Progress {
  readonly edits: number
  /** the first so many are on this device's disk or on the relay's */
  readonly settled: number
  readonly saved: number
}

export function progressOf({ edits, kept, saved }: Pick<PeerView, 'edits' | 'kept' | 'saved'>): Progress {
  return { edits, saved, settled: Math.max(kept, saved) }
}

/** What tabs tell each other of a document. Everything is for all that have it open, but an answer. */
export type SiblingMessage =
  | {
      readonly type: 'ask'
      /** how many times this replica's name has asked, with this */
      readonly ask: number
      readonly stateVector: Uint8Array
      readonly presence: Presence | null
    }
  | {
      readonly type: 'answer'
      readonly to: string
      readonly ask: number
      readonly update: Uint8Array | null
      readonly presence: Presence | null
      readonly progress: Progress
    }
  | { readonly type: 'edit'; readonly update: Uint8Array; readonly progress: Progress }
  | { readonly type: 'progress'; readonly progress: Progress }
  | { readonly type: 'presence'; readonly presence: Presence }
  /** what it holds is not to be handed to this tab, and goes in the others too */
  | { readonly type: 'refused'; readonly news: RefusedNews }
  | { readonly type: 'left' }

/** A tab's own awareness: y-protocols awareness update bytes, of this client id alone. */
export interface Presence {
  readonly client: number
  readonly update: Uint8Array
}

/** The document of this tab. */
export interface SiblingHost {
  stateVector(): Uint8Array
  /** none of what was refused here */
  difference(stateVector: Uint8Array): Uint8Array | null
  /** into the document, as an edit of somebody else, but for what was refused here; `isState`: all or nothing */
  apply(update: Uint8Array, isState: boolean): void
  /** becomes an edit of this tab: what its own tab can't keep and send any more, or has not kept yet */
  adopt(update: Uint8Array): void
  /** another tab has set aside what this one may show */
  refused(news: RefusedNews): void
  progress(): Progress
  presence(): Presence | null
  applyPresence(presence: Presence): void
  removePresence(clients: readonly number[]): void
}

/** One other tab that has the document open. */
interface Sibling {
  readonly tab: string
  /** whose cursor it shows: another replica is another client */
  client: number | null
  /** its edits of which it has not said that they are settled */
  unsettled: { readonly update: Uint8Array; readonly edits: number }[]
  progress: Progress
}

/** More of them are joined into one. */
const unsettledMax = 64

const nothing: Progress = { edits: 0, settled: 0, saved: 0 }

/**
 * One document, among the tabs that have it open: edits and awareness go from tab to tab at once, with or without a
 * relay. Each tab keeps and sends what was typed in it; the others only show it.
 *
 * Invariants: an edit of another tab that it has not kept becomes one of this tab's before the next edit of this tab,
 * which may build on it, and when the other tab is gone. So nothing that is kept or sent lacks its predecessors for good,
 * and what one of several tabs shows is lost only with all of them.
 */
export class Siblings {
  /** names this replica; a tab may have two of one document, one of which is being closed */
  #id = ''
  readonly #host: SiblingHost
  readonly #post: (message: SiblingMessage, from: string) => void
  readonly #ended: () => void
  readonly #others = new Map<string, Sibling>()
  #isLoaded = false
  #isJoined = false
  #hasAsked = false
  /** what was here when the others were asked, and whether there was more to tell since and nobody to hear it */
  #asked: Uint8Array = new Uint8Array(1)
  /** how often they were */
  #asks = 0
  #hasMissed = false
  #isOver = false
  /** edits of this tab that are not told yet */
  #edits: Uint8Array[] = []
  /** those of them that were set aside before */
  readonly #aside = new WeakSet<Uint8Array>()
  #presence: Presence | null = null
  #told: Progress = nothing
  #posts = false

  constructor(host: SiblingHost, post: (message: SiblingMessage, from: string) => void, ended: () => void) {
    this.#host = host
    this.#post = post
    this.#ended = ended
  }

  /** The client ids of the other tabs: what the relay says of them is not news. */
  get clients(): ReadonlySet<number> {
    return new Set([...this.#others.values()].flatMap(({ client }) => client ?? []))
  }

  /** Another tab has edits that the relay may not have, while this one shows them. */
  get isAhead(): boolean {
    return [...this.#others.values()].some(({ progress }) => progress.saved < progress.edits)
  }

  /** The local copy is in the document, or there is none. */
  loaded(): void {
    this.#isLoaded = true
    this.#ask()
  }

  /** Other tabs can be heard, and hear this one under a name of its own. */
  joined(id: string): void {
    this.#id = id
    this.#isJoined = true
    this.#ask()
  }

  /** Others are not heard any more: for them, this tab is gone. */
  parted(): void {
    for (const id of [...this.#others.keys()]) this.#remove(id)
    this.#isJoined = false
    this.#hasAsked = false
  }

  /** This tab has slept, or has another replica: it shows what only others have, and asks them for what it may lack. */
  askAgain(): void {
    if (!this.#hasAsked) return
    // deletions that come alone may have been refused, and nothing needs them
    for (const update of this.#unsettled) if (update[0] !== 0) this.#host.apply(update, true)
    this.#sendAsk()
  }

  /** Before an edit of this tab, which may build on theirs. */
  adopt(): void {
    const updates = this.#unsettled
    if (updates.length === 0) return
    for (const other of this.#others.values()) other.unsettled = []
    for (const update of joined(updates)) this.#host.adopt(update)
  }

  /** What only other tabs have. */
  get #unsettled(): Uint8Array[] {
    return [...this.#others.values()].flatMap(({ unsettled }) => unsettled.map(({ update }) => update))
  }

  /** An edit of this tab. */
  edited(update: Uint8Array): void {
    // whoever comes later asks
    if (this.#isOver || this.#speaksToNobody()) return
    this.#edits.push(update)
    if (this.#edits.length > unsettledMax) this.#edits = joined(this.#edits)
    this.#postLater()
  }

  /** Something of this tab was set aside. It is told before any edit that it may be in, and is itself told no more. */
  refused(news: RefusedNews): void {
    for (const update of news.updates) this.#aside.add(update)
    this.#tellAll({ type: 'refused', news })
  }

  /** Something has changed. */
  changed(): void {
    if (this.#others.size > 0) this.#postLater()
  }

  /** The awareness of this tab changed. */
  present(presence: Presence): void {
    if (this.#speaksToNobody()) return
    // a cursor that is gone, and the one after it
    if (this.#presence && this.#presence.client !== presence.client) this.#flush()
    this.#presence = presence
    this.#postLater()
  }

  receive(tab: string, id: string, message: SiblingMessage): void {
    if (this.#isOver || (message.type === 'answer' && message.to !== this.#id)) return
    const known = this.#others.get(id)
    const other = known ?? { tab, client: null, unsettled: [], progress: nothing }
    this.#others.set(id, other)
    if (!known && message.type === 'answer' && this.#hasMissed) this.#tellMissed()
    switch (message.type) {
      case 'left':
        return this.#remove(id)
      case 'ask':
        if (message.presence) this.#see(other, message.presence)
        return this.#answer(id, message)
      case 'answer':
        if (message.presence) this.#see(other, message.presence)
        // asked by an older replica, and told before the refusal of what that had was heard: deletions don't tell
        if (message.ask !== this.#asks) return this.#settle(other, message.progress)
        return this.#take(other, message)
      case 'edit':
        // it may build on what was told before this tab came: whoever has both answers with both
        return this.#hasAsked ? this.#take(other, message) : this.#settle(other, message.progress)
      case 'progress':
        return this.#settle(other, message.progress)
      case 'presence':
        return this.#see(other, message.presence)
      case 'refused':
        return this.#host.refused(message.news)
    }
  }

  /** The tab is gone. */
  gone(tab: string): void {
    for (const [id, other] of this.#others) if (other.tab === tab) this.#remove(id)
  }

  /** The document is closed here: what was typed in it is settled, or will not be for now. */
  close(): void {
    if (this.#isOver) return
    this.#flush()
    this.#tellAll({ type: 'left' })
    this.#isOver = true
    this.#others.clear()
    this.#ended()
  }

  #ask(): void {
    if (!this.#isLoaded || !this.#isJoined || this.#hasAsked || this.#isOver) return
    this.#hasAsked = true
    this.#sendAsk()
    this.#flush()
  }

  #sendAsk(): void {
    this.#asked = this.#host.stateVector()
    this.#hasMissed = false
    this.#tellAll({ type: 'ask', ask: ++this.#asks, stateVector: this.#asked, presence: this.#host.presence() })
  }

  /** True where nobody is there to be told. A tab that is frozen may answer later: it is told then. */
  #speaksToNobody(): boolean {
    const isAlone = this.#hasAsked && this.#others.size === 0
    this.#hasMissed ||= isAlone
    return isAlone
  }

  #tellMissed(): void {
    this.#hasMissed = false
    const update = this.#host.difference(this.#asked)
    if (update) this.#tellAll({ type: 'edit', update, progress: this.#host.progress() })
    this.#presence = this.#host.presence()
    this.#postLater()
  }

  /** One of those that have the document answers with what is lacking, and everybody with what only they may have. */
  #answer(id: string, { ask, stateVector }: Extract<SiblingMessage, { type: 'ask' }>): void {
    const progress = this.#host.progress()
    const isFirst = [...this.#others.keys()].every((other) => other === id || other > this.#id)
    const tells = this.#isLoaded && (isFirst || progress.saved < progress.edits)
    this.#tellAll({
      type: 'answer',
      to: id,
      ask,
      update: tells ? this.#host.difference(stateVector) : null,
      presence: this.#host.presence(),
      progress,
    })
  }

  #take(other: Sibling, { type, update, progress }: Extract<SiblingMessage, { type: 'answer' | 'edit' }>): void {
    if (update) other.unsettled.push({ update, edits: progress.edits })
    if (other.unsettled.length > unsettledMax) {
      const updates = joined(other.unsettled.map((each) => each.update))
      other.unsettled = updates.map((each) => ({ update: each, edits: progress.edits }))
    }
    // first of all: nothing is written as saved because of an edit that is not, nor is any made on it
    this.#settle(other, progress)
    if (update) this.#host.apply(update, type === 'answer')
  }

  #settle(other: Sibling, progress: Progress): void {
    other.progress = progress
    other.unsettled = other.unsettled.filter(({ edits }) => edits > progress.settled)
  }

  #see(other: Sibling, presence: Presence): void {
    if (other.client !== null && other.client !== presence.client) this.#host.removePresence([other.client])
    other.client = presence.client
    this.#host.applyPresence(presence)
  }

  #remove(id: string): void {
    const other = this.#others.get(id)
    if (!other) return
    this.#others.delete(id)
    for (const update of joined(other.unsettled.map((each) => each.update))) this.#host.adopt(update)
    if (other.client !== null) this.#host.removePresence([other.client])
  }

  /** After the messages of this turn have left for the relay: nobody's answer to an edit gets there before it. */
  #postLater(): void {
    if (this.#posts) return
    this.#posts = true
    queueMicrotask(() => this.#flush())
  }

  #flush(): void {
    this.#posts = false
    if (!this.#hasAsked) return
    const progress = this.#host.progress()
    if (this.#edits.length > 0) {
      this.#told = progress
      const edits = this.#edits.filter((update) => !this.#aside.has(update))
      for (const update of joined(edits)) this.#tellAll({ type: 'edit', update, progress })
      this.#edits = []
    } else if (progress.settled !== this.#told.settled || progress.saved !== this.#told.saved) {
      this.#told = progress
      this.#tellAll({ type: 'progress', progress })
    }
    // a cursor must not point at text that is still on its way
    if (this.#presence) this.#tellAll({ type: 'presence', presence: this.#presence })
    this.#presence = null
  }

  #tellAll(message: SiblingMessage): void {
    if (this.#isJoined && !this.#isOver) this.#post(message, this.#id)
  }
}
