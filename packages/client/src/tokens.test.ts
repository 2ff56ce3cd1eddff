import { afterEach, describe, expect, it, vi } from 'vitest'
import { onChannel, turn, world } from './testing/fakes.js'

afterEach(() => vi.restoreAllMocks())

const over = { type: 'closed', code: 'token_expired', reason: 'It is over', retry: true } as const
const tokensIn = (socket: { received: readonly { type: string }[] }) =>
  socket.received.flatMap((message) =>
    message.type === 'token' ? [(message as unknown as { token: string }).token] : [],
  )

async function online(token: () => string | Promise<string>) {
  const here = world({ token })
  await turn()
  await here.socket.welcome()
  return here
}

describe('a token', () => {
  it('that is a text goes out with hello, at once', async () => {
    const { socket } = world({ token: 'abc' })
    await socket.accept()
    expect(socket.received[0]).toMatchObject({ type: 'hello', token: 'abc' })
  })

  it('is asked for before each attempt, and no socket is opened before it is there', async () => {
    let give: (token: string) => void = () => undefined
    const ask = vi.fn(
      () =>
        new Promise<string>((resolve) => {
          give = resolve
        }),
    )
    const { sockets, clock, connection } = world({ token: ask })
    await turn()
    expect([sockets.length, connection.state]).toEqual([0, 'connecting'])
    give('first')
    await turn()
    await sockets[0]!.welcome()
    expect(sockets[0]!.received[0]).toMatchObject({ token: 'first' })
    await sockets[0]!.drop()
    await clock.pass(1_000)
    give('second')
    await turn()
    await sockets[1]!.accept()
    expect(sockets[1]!.received[0]).toMatchObject({ token: 'second' })
    expect(ask).toHaveBeenCalledTimes(2)
  })

  it('that does not come is waited for like a relay that cannot be reached', async () => {
    const error = vi.spyOn(console, 'error').mockImplementation(() => undefined)
    const ask = vi.fn((): string | Promise<string> => {
      throw new Error('the network')
    })
    const { sockets, clock, connection } = world({ token: ask })
    await turn()
    await clock.pass(10_000)
    expect(sockets).toHaveLength(0)
    expect(ask.mock.calls.length).toBeLessThan(10)
    expect([connection.state, error.mock.calls.length]).toEqual(['offline', 1])
    ask.mockImplementation(() => new Promise(() => undefined))
    await clock.pass(60_000)
    ask.mockImplementation(() => 'good')
    for (let i = 0; i < 60 && sockets.length === 0; i++) await clock.pass(1_000)
    expect(sockets).toHaveLength(1)
    await sockets[0]!.welcome()
    expect(connection.state).toBe('online')
  })

  it('that comes after the connection was given up is of no use', async () => {
    let give: (token: string) => void = () => undefined
    const { sockets, connection } = world({
      token: () =>
        new Promise((resolve) => {
          give = resolve
        }),
    })
    await turn()
    connection.goOffline()
    give('late')
    await turn()
    expect([sockets.length, connection.state]).toEqual([0, 'offline'])
  })

  it('is replaced before it ends, again and again', async () => {
    let count = 0
    const { socket, clock } = await online(() => `${++count}`)
    for (let i = 0; i < 3; i++) {
      await socket.says({ type: 'expires', expiresMs: 8_000 })
      await clock.pass(6_000)
      expect(count).toBe(1 + i)
      await clock.pass(500)
      expect(count).toBe(2 + i)
      await socket.says({ type: 'pong' })
    }
    expect(tokensIn(socket)).toEqual(['2', '3', '4'])
  })

  it('is replaced when the relay does not take it: sessions are opened again on the same connection', async () => {
    let count = 0
    const { socket, clock, connection } = await online(() => `${++count}`)
    const handles = ['a', 'b'].map((name) => connection.open(name))
    await turn()
    for (const name of ['a', 'b']) await socket.syncs(name)
    handles[0]!.doc.getText().insert(0, 'x')
    for (const name of ['a', 'b']) await socket.ends(name, over)
    handles[0]!.doc.getText().insert(0, 'y')
    await clock.pass(1_000)
    expect(tokensIn(socket)).toEqual(['2'])
    expect(socket.requests('open').map(({ message }) => message.name)).toEqual(['a', 'b', 'a', 'b'])
    for (const name of ['a', 'b']) await socket.syncs(name)
    await socket.acknowledges('a')
    expect(handles[0]!.status).toMatchObject({ saved: true, synced: true, error: null })
  })

  it('that is never taken is not asked for all the time', async () => {
    const ask = vi.fn(() => 'bad')
    const { socket, clock, connection } = await online(ask)
    connection.open('a')
    await turn()
    for (let i = 0; i < 20; i++) {
      await socket.ends('a', { ...over, type: 'refused', code: 'unauthorized' })
      await clock.pass(3_000)
      await socket.says({ type: 'pong' })
    }
    expect(ask.mock.calls.length).toBeLessThan(20)
  })

  it('that is a text has no other: the document is refused', async () => {
    const { connection, socket } = world({ token: 'abc' })
    const handle = connection.open('a')
    await socket.welcome()
    await socket.syncs('a')
    await socket.ends('a', over)
    expect(handle.status).toMatchObject({ connection: 'refused', error: { code: 'token_expired' } })
  })
})

describe('an access that changes', () => {
  it('is told; what is typed while it is read is set aside, and writing goes on when it may be written again', async () => {
    const { socket, connection } = world()
    const handle = connection.open('a')
    await socket.welcome()
    await socket.syncs('a')
    await socket.acknowledges('a')
    const channel = socket.channelOf('a')
    await socket.says(onChannel(channel, { type: 'access', access: 'read' }))
    expect(handle.status.access).toBe('read')
    const sent = socket.requests('update').length
    handle.doc.getText().insert(0, 'x')
    await turn()
    // it has left the outbox, and the replica is made anew without it
    expect(socket.requests('update').length).toBe(sent)
    expect(handle.status).toMatchObject({ pending: 0, refused: 1 })
    expect(handle.refused).toMatchObject([{ code: 'read_only', changes: 1 }])
    const replaced = new Promise((resolve) => handle.on('replaced', resolve))
    await socket.syncs('a')
    expect(await replaced).toMatchObject({ refused: [{ code: 'read_only' }] })
    expect(handle.doc.getText().toString()).toBe('')
    handle.doc.getText().insert(0, 'y')
    await turn()
    expect(handle.status).toMatchObject({ access: 'write', pending: 1, refused: 1 })
    await socket.acknowledges('a')
    expect(handle.status).toMatchObject({ access: 'write', saved: true, refused: 1 })
  })

  it('that comes back before the edit of a reader was judged asks for it', async () => {
    const { socket, connection } = world()
    const handle = connection.open('a')
    await socket.welcome()
    await socket.syncs('a')
    await socket.acknowledges('a')
    const channel = socket.channelOf('a')
    handle.doc.getText().insert(0, 'on its way ')
    await turn()
    await socket.says(onChannel(channel, { type: 'access', access: 'read' }))
    handle.doc.getText().insert(0, 'x')
    await turn()
    expect(handle.status).toMatchObject({ pending: 2, refused: 0 })
    const sent = socket.requests('update').length
    await socket.says(
      onChannel(channel, { type: 'access', access: 'write' }),
      onChannel(channel, { type: 'resync', seq: sent, stateVector: Uint8Array.of(0) }),
    )
    expect(socket.requests('update').at(-1)?.message).toMatchObject({ answer: true, seq: sent + 1 })
    await socket.acknowledges('a')
    expect(handle.status).toMatchObject({ access: 'write', saved: true, refused: 0 })
  })

  it('to what the relay withholds for now leaves edits pending', async () => {
    const { socket, connection } = world()
    const handle = connection.open('a')
    await socket.welcome()
    await socket.syncs('a')
    await socket.acknowledges('a')
    await socket.says(onChannel(socket.channelOf('a'), { type: 'access', access: 'read', withheld: true }))
    handle.doc.getText().insert(0, 'x')
    await turn()
    expect(handle.status).toMatchObject({ access: 'read', pending: 1, refused: 0 })
  })
})
