import { adviceOn, type ErrorCode } from '../errors.js'
import { emptyStateVector, hashBytes, mergeUpdates, SetAside } from '../updates/index.js'
import type { LocalCopy, RefusedRow } from './copy.js'
import type { CopyQueue } from './copyQueue.js'
import { type Edit, isReadable, type Outbox } from './outbox.js'
import { withoutEdits } from './rest.js'
import type { Refusal, RefusedNews, Replica } from './types.js'

/** Why edits are set aside. */
interface Reason {
  readonly code: ErrorCode
  readonly reason: string
}

/** What refusals tell their Peer. */
export interface RefusalEvents {
  /** this went, or was let go of */
  told(news: RefusedNews): void
  /** what was set aside can't be told from the rest in this session: another one has to bring everything */
  over(): void
}

/** What was found to be at fault, while the acks of what was sent before are still to come. */
interface Verdict extends Reason {
  /** null: everything that is not saved */
  readonly edit: Edit | null
}

/** What was set aside since the replica was last without it. */
interface Rebuilding {
  /** all of it, first content included */
  readonly updates: Uint8Array[]
  /** what the application is told */
  rows: RefusedRow[]
  /** the last of them that was refused in this tab */
  last: RefusedRow | null
  /** some of it can't be read at all: whatever is typed in this replica may need it */
  isBlind: boolean
  /** what the relay lacks and had once */
  rest: Uint8Array | null
}

/**
 * The edits of a Peer that the relay will never take. They leave the outbox with all that needs them, and are kept beside
 * the document; until the replica has been made anew without them, edits in it may go the same way.
 */
export class Refusals {
  readonly #outbox: Outbox
  readonly #copy: CopyQueue
  readonly #events: RefusalEvents
  #verdict: Verdict | null = null
  readonly #all: Refusal[] = []
  #rows: readonly RefusedRow[] = []
  /** what is in the rows, and not in the log */
  #aside = new SetAside()
  #rebuilding: Rebuilding | null = null
  /** hashes of the updates that are in the rows already: a copy in doubt may bring them again */
  readonly #known = new Set<number>()

  constructor(outbox: Outbox, copy: CopyQueue, events: RefusalEvents) {
    this.#outbox = outbox
    this.#copy = copy
    this.#events = events
  }

  get rows(): readonly RefusedRow[] {
    return this.#rows
  }

  get all(): readonly Refusal[] {
    return this.#all
  }

  /** the replica still has what was set aside */
  get isRebuilding(): boolean {
    return this.#rebuilding !== null
  }

  /** why something was refused last */
  get #last(): Reason {
    const { code, reason } = this.#all.at(-1) ?? this.#rows.at(-1) ?? { code: 'internal', reason: '' }
    return { code, reason }
  }

  /**
   * The copy was read. Its rows may need what was set aside: those of a tab that did not know of it yet.
   */
  attach(copy: LocalCopy, now: number): void {
    if (this.#rows.length > 0) this.#copy.note({ refuse: this.#rows })
    const mine = new Set(this.#rows.map(({ id }) => id))
    this.#rows = [...copy.refused.filter(({ id }) => !mine.has(id)), ...this.#rows]
    for (const { update } of copy.refused) {
      this.#known.add(hashBytes(update))
      this.#aside.add(update)
    }
    if (!this.#aside.isEmpty) for (const row of copy.rows) if (row.saved && isReadable(row)) this.#aside.has(row.update)
    this.#setAsideWhatNeeds(now)
  }

  /**
   * What another tab was refused. It is written once more: that tab may not live to do it.
   */
  learn({ updates, rows, letGo }: RefusedNews, replica: Replica, now: number): void {
    const gone = new Set([...letGo, ...rows.map(({ id }) => id)])
    const isLeft = ({ id }: RefusedRow) => !gone.has(id)
    this.#copy.note({ refuse: rows, letGo })
    this.#rows = [...this.#rows.filter(isLeft), ...rows]
    for (const { update } of [...rows, ...updates.map((update) => ({ update }))]) this.#known.add(hashBytes(update))
    for (const update of updates) this.#aside.add(update)
    const isShown = updates.length > 0 && this.#mayShow(updates, replica)
    if (isShown) {
      this.#rebuilding ??= newRebuilding()
      this.#rebuilding.updates.push(...updates)
      this.#rebuilding.rows = [...this.#rebuilding.rows.filter(isLeft), ...rows]
    }
    if (this.#setAsideWhatNeeds(now) || isShown) this.#events.over()
  }

  /** Also where it waits in the replica for what it needs, and where that can't be told: of deletions that come alone. */
  #mayShow(updates: readonly Uint8Array[], replica: Replica): boolean {
    const state = replica.difference(emptyStateVector)
    return this.without(state) !== state || updates.some(([clients]) => clients === 0)
  }

  /** The copy was read again: other tabs may have been refused something meanwhile. */
  reattach({ refused }: LocalCopy, replica: Replica, now: number): void {
    const mine = new Set(this.#rows.map(({ id }) => id))
    const rows = refused.filter(({ id }) => !mine.has(id))
    this.learn({ updates: rows.map(({ update }) => update), rows, letGo: [] }, replica, now)
  }

  without(update: Uint8Array): Uint8Array | null {
    if (this.#aside.isEmpty) return update
    // what is in it can't be told, and no relay takes it
    if (!isReadable({ update })) return null
    return this.#aside.isNeededBy(update) ? this.#aside.without(update) : update
  }

  #setAsideWhatNeeds(now: number): boolean {
    const first = this.#outbox.unsaved.find((edit) => this.#isNeededBy(edit))
    if (!first) return false
    // it may be on its way; the session is over
    this.#outbox.restartSent()
    this.#setAside(first, this.#last, now)
    return true
  }

  /** An update of the relay: what it brings is refused no more. */
  received(update: Uint8Array): void {
    if (!this.#aside.isEmpty) this.#aside.has(update)
  }

  /** Whether an edit can't be there without what was set aside. */
  #isNeededBy({ update }: Edit): boolean {
    if (this.#rebuilding?.isBlind) return true
    return !this.#aside.isEmpty && isReadable({ update }) && this.#aside.isNeededBy(update)
  }

  /** A local change: where it can't be there without what was set aside, it goes the same way. */
  edited(edit: Edit, now: number): void {
    if (!this.#isNeededBy(edit)) return
    const { isRebuilding } = this
    this.#setAside(edit, this.#last, now)
    if (!isRebuilding) this.#events.over()
  }

  /** waits for acks of what was sent before */
  get isJudging(): boolean {
    return this.#verdict !== null
  }

  /** What was sent before is acknowledged first: the relay may have it. */
  judge(verdict: Verdict, now: number): void {
    this.#verdict = verdict
    this.judgeNow(now)
  }

  /** What a reader has is refused. With nothing on its way, nobody waits for what a relay has lost. */
  judgeReader(now: number, reason: string = adviceOn('read_only')): void {
    if (!this.#outbox.quiet) return this.judge({ edit: null, code: 'read_only', reason }, now)
    this.#outbox.forgive()
    this.#copy.exchanged(this.#outbox)
  }

  judgeOversized(edit: Edit, now: number): void {
    const reason = `The update has ${edit.update.length} bytes. ${adviceOn('update_too_large')}`
    this.judge({ edit, code: 'update_too_large', reason }, now)
  }

  /** An ack came, or nothing is on its way. */
  judgeNow(now: number): void {
    if (this.#verdict === null || !this.#outbox.settled) return
    const { edit, ...why } = this.#verdict
    this.#verdict = null
    if (this.#outbox.unsaved.length === 0) return
    this.#setAside(edit, why, now)
    this.#events.over()
  }

  /** Another session will find it out anew. */
  forgetVerdict(): void {
    this.#verdict = null
  }

  /** Whoever may write again is refused nothing for having been a reader. */
  forgiveReader(): void {
    if (this.#verdict?.code === 'read_only') this.#verdict = null
  }

  /** @param edit null: everything that is not saved */
  #setAside(edit: Edit | null, why: Reason, now: number): void {
    const rebuilding = this.#rebuilding ?? newRebuilding()
    this.#rebuilding = rebuilding
    const { unsaved } = this.#outbox
    const taken = new Set(edit === null ? unsaved : this.#withAllThatNeed(edit, unsaved, rebuilding))
    for (const { update } of taken) {
      rebuilding.updates.push(update)
      this.#aside.add(update)
    }
    const rows = this.#rowsOf(
      unsaved.filter((each) => taken.has(each)),
      why,
      now,
    )
    const letGo = this.#join(rows, rebuilding)
    this.#outbox.setAside(taken)
    this.#copy.setAside(taken, { refuse: rows, letGo })
    const first = Math.min(...[...taken].filter(({ seed }) => !seed).map(({ before }) => before))
    if (first !== Number.POSITIVE_INFINITY) this.#all.push({ first, ...why })
    this.#events.told({ updates: [...taken].map(({ update }) => update), rows, letGo })
  }

  /** What the relay lacks beside edits: what it had once, and has lost. Null where that is nothing. */
  restOf(replica: Replica, stateVector: Uint8Array): Uint8Array | null {
    const updates = (this.#rebuilding?.updates ?? []).map((update) => ({ update }))
    const rest = withoutEdits(replica.difference(stateVector), [...this.#outbox.unsaved, ...updates])
    if (this.#rebuilding) this.#rebuilding.rest = rest
    return rest
  }

  /** The replica is made anew, of these updates. */
  rebuilt(content: Uint8Array | null): { updates: Uint8Array[]; refused: readonly RefusedRow[] } {
    const { rest = null, rows = [] } = this.#rebuilding ?? {}
    this.#rebuilding = null
    this.#copy.rebuild(content, this.#outbox)
    this.#outbox.doubt()
    if (rest) this.#copy.received(rest)
    for (const update of [content, rest]) if (update) this.received(update)
    const updates = [content, rest, ...this.#outbox.unsaved.map(({ update }) => update)]
    return { updates: updates.filter((update) => update !== null), refused: rows }
  }

  /** The application is done with them. */
  drop(): void {
    const letGo = this.#rows.map(({ id }) => id)
    this.#copy.note({ letGo })
    this.#rows = []
    this.#known.clear()
    if (this.#rebuilding === null) this.#aside = new SetAside()
    this.#events.told({ updates: [], rows: [], letGo })
  }

  #withAllThatNeed(edit: Edit, unsaved: readonly Edit[], rebuilding: Rebuilding): Edit[] {
    if (!this.#aside.add(edit.update)) {
      rebuilding.isBlind = true
      return unsaved.slice(unsaved.indexOf(edit))
    }
    const others = unsaved.filter((other) => other !== edit)
    return [edit, ...this.#aside.addAllThatNeed(others.map(({ update }) => update)).map((index) => others[index]!)]
  }

  /** First content is nobody's edit; what was made on it brings it along, so that it can be shown. */
  #rowsOf(edits: readonly Edit[], why: Reason, now: number): RefusedRow[] {
    const told = edits.filter(({ seed, update }) => !seed && !this.#known.has(hashBytes(update)))
    for (const { update } of told) this.#known.add(hashBytes(update))
    const [whole, broken] = [told.filter(isReadable), told.filter((edit) => !isReadable(edit))]
    const seeds = edits.filter(({ seed }) => seed)
    const groups = [...broken.map((edit) => [edit]), ...(whole.length > 0 ? [[...seeds, ...whole]] : [])]
    return groups.map((group) => {
      const update = mergeUpdates(group.map((each) => each.update))
      this.#known.add(hashBytes(update))
      const changes = group.reduce((sum, each) => sum + each.changes, 0)
      return { id: hashBytes(update).toString(36), ...why, time: now, changes, update }
    })
  }

  /** What is typed on in the old replica joins what it needs, in one row. Returns the ids of rows that are gone. */
  #join(rows: RefusedRow[], rebuilding: Rebuilding): string[] {
    const { last } = rebuilding
    const [first] = rows
    const letGo: string[] = []
    if (last && first && rows.length === 1 && isReadable(last) && isReadable(first) && last.code === first.code) {
      const update = mergeUpdates([last.update, first.update])
      const id = hashBytes(update).toString(36)
      rows[0] = { ...last, id, changes: last.changes + first.changes, update }
      rebuilding.rows = rebuilding.rows.filter((row) => row !== last)
      this.#rows = this.#rows.filter((row) => row !== last)
      if (id !== last.id) letGo.push(last.id)
      this.#known.add(hashBytes(update))
    }
    rebuilding.rows.push(...rows)
    rebuilding.last = rows.at(-1) ?? last
    this.#rows = [...this.#rows, ...rows]
    return letGo
  }
}

function newRebuilding(): Rebuilding {
  return { updates: [], rows: [], last: null, isBlind: false, rest: null }
}
