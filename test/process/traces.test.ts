import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { joinNative, joinYWebsocket, type Person } from '../support/clients.js'
import { type DecodedUpdate, holds } from '../support/holds.js'
import { type RelayProcess, startRelay } from '../support/relay.js'
import { applyEdit, type Edit, loadConcurrentTrace, loadSequentialTrace, type Turn } from '../support/traces.js'
import { until, within } from '../support/until.js'

let relay: RelayProcess

beforeEach(async () => {
  relay = await startRelay()
})

afterEach(() => relay.stop())

const nextTurn = () => new Promise((done) => setImmediate(done))

/** Types with pauses, in which sockets work: some hundred keys in each turn of the event loop. */
async function typeKeys(text: Y.Text, edits: readonly Edit[], keysPerTurn = 400): Promise<void> {
  for (let start = 0; start < edits.length; start += keysPerTurn) {
    for (const edit of edits.slice(start, start + keysPerTurn)) applyEdit(text, edit)
    await nextTurn()
  }
}

/** What a newcomer reads, by our client and by y-websocket; no waiting after the sync, which claims to be all. */
async function readAnew(name: string): Promise<[string, string]> {
  const newcomers = [joinNative(relay, name), joinYWebsocket(relay, name)] as const
  await Promise.all(newcomers.map(({ synced }) => synced))
  const texts = newcomers.map(({ text }) => text.toString())
  await Promise.all(newcomers.map((newcomer) => newcomer.leave()))
  return [texts[0]!, texts[1]!]
}

const friends = loadConcurrentTrace('friendsforever')
const paper = loadSequentialTrace('automerge-paper')

describe(`two people write one text at the same time: ${friends.origin}`, () => {
  interface Author extends Person {
    readonly turns: readonly Turn[]
    /** per turn that was typed: the update it gave, and the author's Yjs clock after it */
    readonly typed: { readonly update: DecodedUpdate; readonly clock: number }[]
  }

  /** Types a turn, key by key. Returns what it gave. */
  function typeTurn({ text, doc }: Author, { edits }: Turn): Author['typed'][number] {
    const updates: Uint8Array[] = []
    const collect = (update: Uint8Array) => updates.push(update)
    doc.on('update', collect)
    for (const edit of edits) applyEdit(text, edit)
    doc.off('update', collect)
    return { update: Y.decodeUpdate(Y.mergeUpdates(updates)), clock: Y.getState(doc.store, doc.clientID) }
  }

  /**
   * Types an author's turns, each on exactly the replica that the trace names: what the other author typed since
   * waits on the line. The next turn begins when the audience sees this one, as the relay merges what it has at
   * hand, and half of a merged frame cannot be let in.
   */
  async function play(author: Author, other: Author, audience: Person): Promise<void> {
    let known = 0
    for (const [index, turn] of author.turns.entries()) {
      for (; known < turn.knows; known++) {
        await until(`turn ${known} of the other author, known to turn ${index}`, () => {
          const wanted = other.typed[known]
          if (wanted !== undefined && holds(author.doc, wanted.update)) return true
          author.line.letOneIn()
          return false
        })
      }
      const knownClock = known === 0 ? 0 : other.typed[known - 1]!.clock
      expect(Y.getState(author.doc.store, other.doc.clientID), `what turn ${index} knows`).toBe(knownClock)
      const typed = typeTurn(author, turn)
      author.typed.push(typed)
      await until(`the audience to see turn ${index}`, () => holds(audience.doc, typed.update))
    }
    author.line.release()
  }

  test('one by our client, one by y-websocket: both end with the same text, and so does the disk', async () => {
    const [first, second] = [new Y.Doc(), new Y.Doc()].sort((a, b) => a.clientID - b.clientID)
    const audience = joinNative(relay, 'friends')
    const authors: [Author, Author] = [
      { ...joinNative(relay, 'friends', first), turns: friends.authors[0], typed: [] },
      { ...joinYWebsocket(relay, 'friends', second), turns: friends.authors[1], typed: [] },
    ]
    const everyone = [...authors, audience]
    await Promise.all(everyone.map(({ synced }) => synced))

    for (const { line } of authors) line.hold()
    await Promise.all([play(authors[0], authors[1], audience), play(authors[1], authors[0], audience)])

    for (const { text } of everyone) await until('the same end', () => text.toString() === friends.endContent)
    await Promise.all(everyone.map((person) => person.leave()))
    await relay.restart()
    expect(await readAnew('friends')).toEqual([friends.endContent, friends.endContent])
  }, 180_000)
})

describe(`one person writes and two watch: ${paper.origin}`, () => {
  test('the relay is killed half way: nothing saved is lost, nothing typed meanwhile either', async () => {
    const { edits, endContent } = paper
    const author = joinNative(relay, 'paper')
    const everyone = [author, joinNative(relay, 'paper'), joinYWebsocket(relay, 'paper')]
    await Promise.all(everyone.map(({ synced }) => synced))
    const part = (from: number, to: number) => edits.slice(from * edits.length, to * edits.length)

    await typeKeys(author.text, part(0, 0.4))
    await within('all to be saved', author.handle.saved())
    const saved = Y.decodeUpdate(Y.encodeStateAsUpdate(author.doc))
    await typeKeys(author.text, part(0.4, 0.5))
    await Promise.all([relay.kill('SIGKILL'), typeKeys(author.text, part(0.5, 0.6))])
    expect(author.handle.status.saved).toBe(false)

    // with everybody away, what the relay knows is what its disk kept
    for (const person of everyone) person.goOffline()
    await relay.start()
    const newcomer = joinNative(relay, 'paper')
    await newcomer.synced
    expect(holds(newcomer.doc, saved)).toBe(true)
    await newcomer.leave()

    await typeKeys(author.text, part(0.6, 0.7))
    for (const person of everyone) person.goOnline()
    await typeKeys(author.text, part(0.7, 1))
    await within('all to be saved', author.handle.saved(), 60_000)
    expect(author.handle.status).toMatchObject({ saved: true, pending: 0 })
    for (const { text } of everyone) await until('the same end', () => text.toString() === endContent)

    await Promise.all(everyone.map((person) => person.leave()))
    await relay.restart()
    expect(await readAnew('paper')).toEqual([endContent, endContent])
  }, 180_000)
})
