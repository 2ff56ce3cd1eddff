import { describe, expect, it } from 'vitest'
import { Awareness, encodeAwarenessUpdate } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { onChannel, turn, world } from './testing/fakes.js'

/** A document in sync, and somebody else's: what they type, as the relay brings it. */
async function reading() {
  const here = world()
  await here.socket.welcome()
  const handle = here.connection.open('x')
  await turn()
  await here.socket.syncs('x')
  const steps: string[] = []
  const text = handle.doc.getText('text')
  handle.doc.on('update', () => steps.push(text.toString()))
  const other = new Y.Doc()
  let position = 1
  const typed = (letters: string) => {
    let update: Uint8Array = new Uint8Array()
    other.once('update', (made: Uint8Array) => {
      update = made
    })
    other.getText('text').insert(other.getText('text').length, letters)
    position++
    return onChannel(1, { type: 'update', position, chain: position, update })
  }
  const awareness = new Awareness(other)
  const cursor = (at: number) => {
    awareness.setLocalState({ at })
    return onChannel(1, { type: 'awareness', update: encodeAwarenessUpdate(awareness, [other.clientID]) })
  }
  return { ...here, handle, text, steps, other, typed, cursor }
}

const letters = [...'abcdefghijklmnopqrstuvwxyz']

describe('a page', () => {
  it('that has time shows what comes at once', async () => {
    const { socket, steps, typed } = await reading()
    socket.piles(typed('a'))
    expect(steps).toEqual(['a'])
    await turn()
    socket.piles(typed('b'))
    expect(steps).toEqual(['a', 'ab'])
  })

  it('that was busy shows what waits as one change, with the last cursor, and then has time again', async () => {
    const { socket, handle, steps, other, typed, cursor } = await reading()
    const seen: unknown[] = []
    handle.awareness.on('change', () => seen.push([steps.at(-1), handle.awareness.getStates().get(other.clientID)?.at]))
    socket.piles(...letters.flatMap((letter, i) => [typed(letter), cursor(i)]))
    await turn()
    expect(steps).toEqual(['a', letters.join('')])
    // a cursor never points at text that is not there yet
    expect(seen.at(0)).toEqual([letters.join(''), 0])
    expect(seen.at(-1)).toEqual([letters.join(''), letters.length - 1])
    await turn()
    socket.piles(typed('!'))
    expect(steps).toHaveLength(3)
  })

  it('that was busy loses nothing where the socket was closed right behind it', async () => {
    const { socket, handle, text, steps, typed } = await reading()
    text.insert(0, 'mine')
    await turn()
    const [mine] = socket.requests('update').slice(-1)
    const ack = onChannel(1, { type: 'ack', seq: mine!.message.seq, position: 100, chain: 100 })
    socket.piles(...letters.map(typed), ack)
    expect(handle.status).toMatchObject({ pending: 1, saved: false })
    socket.onclose?.({ code: 1006, reason: '' } as never)
    expect(text.toString().replace('mine', '')).toBe(letters.join(''))
    expect(steps).toHaveLength(3)
    expect(handle.status).toMatchObject({ pending: 0, saved: true, synced: false })
    await turn()
    expect(steps).toHaveLength(3)
  })

  it('hears what was said in passing after what was typed before', async () => {
    const { socket, handle, text, typed } = await reading()
    const heard: unknown[] = []
    handle.on('signal', (payload) => heard.push([payload, text.toString()]))
    socket.piles(typed('a'), typed('b'), onChannel(1, { type: 'signal', payload: '"look"' }), typed('c'))
    await turn()
    expect(heard).toEqual([['look', 'ab']])
    expect(text.toString()).toBe('abc')
  })

  it('that is flooded handles 64 KiB in one go, and leaves the rest to the socket', async () => {
    const { socket, text, steps, typed } = await reading()
    const page = 'x'.repeat(1024)
    for (let i = 0; i < 63; i++) socket.piles(typed(page))
    // the first one at once, and 62 KiB with some bytes around each wait
    expect(steps).toHaveLength(1)
    socket.piles(typed(page))
    expect(text).toHaveLength(64 * 1024)
    expect(steps).toHaveLength(2)
    socket.piles(typed(page))
    expect(steps).toHaveLength(2)
    await turn()
    expect(text).toHaveLength(65 * 1024)
    expect(steps).toHaveLength(3)
  })

  it('takes what waits for a sign of life, though it has not looked at it', async () => {
    const { clock, socket, connection, typed } = await reading()
    for (let i = 0; i < 40; i++) {
      await clock.pass(1_000)
      socket.piles(typed('a'), typed('b'))
    }
    expect(socket.count('ping')).toBe(0)
    expect(connection.state).toBe('online')
  })
})
