import { describeMutants, type Mutant } from './mutate.js'

/** One broken promise each, made in the production source: the simulation must notice every one of them. */
const mutants: Mutant[] = [
  {
    name: 'acknowledge before the commit',
    file: 'protocol/src/room/room.ts',
    find: 'if (this.#queue.empty) this.#acknowledge(session, session.seq)',
    replace: 'if (session) this.#acknowledge(session, session.seq)',
  },
  {
    name: 'show before the commit',
    file: 'protocol/src/room/room.ts',
    find: '    if (admission.complete && !answer) session.resyncs = session.rejections = 0\n',
    replace: `    const to = [...this.#sessions.keys()].filter((id) => id !== session.id)
    if (admission.update) this.#effects.push({ type: 'send', to, message: { type: 'update', ...this.#content.head, update: admission.update } })\n`,
  },
  {
    name: 'send before the relay has spoken',
    file: 'protocol/src/peer/peer.ts',
    find: "return this.#state.at === 'syncing' || this.#state.at === 'live'",
    replace: "return this.#state.at === 'syncing' || this.#state.at === 'live' || this.#state.at === 'opening'",
  },
  {
    name: 'acknowledge duplicates at once',
    file: 'protocol/src/room/room.ts',
    find: 'if (admission.complete || answer) this.#acknowledgeLater(session)',
    replace: `if (admission.update === null) {
      session.answerOwed = false
      this.#acknowledge(session, session.seq)
    } else if (admission.complete || answer) this.#acknowledgeLater(session)`,
  },
  {
    name: 'forget what gathers for one broadcast',
    file: 'protocol/src/room/room.ts',
    find: 'const commitAt = this.#queue.wantsCommit ? this.#window.closedUntil(now) : null',
    replace: 'const commitAt = null as number | null',
  },
  {
    name: 'a cursor off by one',
    file: 'protocol/src/room/content.ts',
    find: 'const updates = this.#tail.slice(index).map',
    replace: 'const updates = this.#tail.slice(index + 1).map',
  },
  {
    name: 'resume whatever the epoch',
    file: 'protocol/src/room/room.ts',
    find: 'resume.epoch === this.#epoch && this.#content.confirms(resume)',
    replace: 'this.#content.confirms(resume)',
  },
  {
    name: 'resume whatever the chain',
    file: 'protocol/src/room/content.ts',
    find: ').chain === point.chain',
    replace: ').chain !== -1',
  },
  {
    name: 'take a compacted base for the whole document',
    file: 'protocol/src/room/content.ts',
    find: 'this.#basePosition = position\n    const unfolded',
    replace: 'this.#basePosition = this.head.position\n    const unfolded',
  },
  {
    name: 'take a compacted base though what follows it has left the tail',
    file: 'protocol/src/room/content.ts',
    find: 'if (position < this.#tailStart.position || position > this.head.position) return',
    replace: 'if (position > this.head.position) return',
  },
  {
    name: 'call itself synced before the content is here',
    file: 'protocol/src/peer/peer.ts',
    find: "this.#enter({ at: 'syncing' })\n    // it was opened before",
    replace: "this.#enter({ at: 'live' })\n    // it was opened before",
  },
  {
    name: 'forget what was on its way when the connection broke',
    file: 'protocol/src/peer/outbox.ts',
    find: 'this.#waiting = this.unsaved\n',
    replace: '',
  },
  {
    name: 'store the resume point before the rows that it covers',
    file: 'protocol/src/peer/copyQueue.ts',
    find: '    if (items.length === 0 && this.#marks.size === 0 && !moved && idle) return null\n',
    replace: `    if (items.length === 0 && this.#marks.size === 0 && !moved && idle) return null
    if (moved && items.length > 0) {
      const write = { epoch: this.#epoch, append: [], saved: [], remove: [], resume }
      this.#flight = { write, items: [], pack: null, notes: noNotes, edits: this.#kept }
      this.#at = 'writing'
      return write
    }\n`,
  },
  {
    name: 'mark a row as saved before the ack',
    file: 'protocol/src/peer/copyQueue.ts',
    find: 'return edits.length === 0 ? saved : edits.every((edit) => edit.saved)',
    replace: 'return true',
  },
  {
    name: 'not load the rows that are pending',
    file: 'protocol/src/peer/copyQueue.ts',
    find: 'if (saved) continue\n      this.#unmarked.add(id)\n      addRowTo(outbox, update, changes, id)\n',
    replace: 'if (saved) continue\n      this.#unmarked.add(id)\n',
  },
  {
    name: 'call itself saved while it brings back what the relay has lost',
    file: 'protocol/src/peer/outbox.ts',
    find: 'return this.#owing ? Math.max(1, pending) : pending',
    replace: 'return pending',
  },
  {
    name: 'resume before what the relay has lost is back',
    file: 'protocol/src/peer/peer.ts',
    find: 'if (this.#outbox.owing) this.#resume = null\n',
    replace: '',
  },
  {
    name: 'open before the local copy has been read',
    file: 'protocol/src/peer/peer.ts',
    find: "if (this.#state.at === 'loading') this.#state = { at: 'loading', connected: true }\n        else if",
    replace: 'if',
  },
  {
    name: 'keep what needs a refused edit',
    file: 'protocol/src/peer/refusals.ts',
    find: 'return [edit, ...this.#aside.addAllThatNeed(others.map(({ update }) => update)).map((index) => others[index]!)]',
    replace: 'return others.length < 0 ? others : [edit]',
  },
  {
    name: 'not keep what was refused',
    file: 'protocol/src/peer/refusals.ts',
    find: 'this.#copy.setAside(taken, { refuse: rows, letGo })',
    replace: 'this.#copy.setAside(taken, { letGo })',
  },
  {
    name: 'take first content into a document that has some',
    file: 'protocol/src/room/room.ts',
    find: 'if (seed && !this.#takesSeed(update))',
    replace: 'if (seed && update.length === 0)',
  },
  {
    name: 'tell people who is in another document',
    file: 'protocol/src/room/room.ts',
    find: 'const present = this.#presence?.table.entries',
    replace: `const rooms = ((globalThis as { rooms?: Map<string, AwarenessEntries> }).rooms ??= new Map())
    rooms.set(this.name, this.#presence?.table.entries ?? new Map())
    const present = new Map([...rooms.values()].flatMap((entries) => [...entries]))`,
    says: 'a byte of another document',
  },
  {
    name: 'tell a Hocuspocus provider before the commit that it is saved',
    file: 'server/src/dialects/savedCount.ts',
    find: 'if (seq <= this.#acknowledged) {',
    replace: 'if (seq >= 0) {',
    says: 'called saved, but not on disk',
  },
  {
    name: 'forget what a Hocuspocus provider asks before its document is open',
    file: 'server/src/dialects/hocuspocusDocument.ts',
    find: "if (stateVector && this.#state === 'open') this.#session",
    replace: "if (stateVector && this.#state === 'over') this.#session",
  },
  {
    name: 'not ask a y-websocket client for what it has',
    file: 'server/src/dialects/yWebsocket.ts',
    find: "return reply.stateVector && { type: 'step1', stateVector: reply.stateVector }",
    replace: 'return null',
  },
]

describeMutants('the simulation notices when the code', { run: './run.ts', seedsMax: 2_000 }, mutants)
