import { afterEach, describe, expect, it, vi } from 'vitest'
import { docWith, onChannel, turn, world } from './testing/fakes.js'
import type { ConnectionState } from './types.js'

const retry = { code: 'storage_failed', reason: 'the disk is gone', retry: true } as const

async function online() {
  const here = world()
  await here.socket.welcome()
  return here
}

function states(connection: ReturnType<typeof world>['connection']): ConnectionState[] {
  const seen: ConnectionState[] = [connection.state]
  connection.on('state', (state) => seen.push(state))
  return seen
}

describe('opening', () => {
  it('says hello and opens every document in one frame, without waiting for the welcome', async () => {
    const { connection, socket } = world()
    connection.open('a')
    connection.open('b')
    await socket.accept()
    expect(socket.frames).toEqual([3])
    expect(socket.received[0]).toMatchObject({ type: 'hello', versions: [1] })
    expect(socket.requests('open').map(({ channel, message }) => [channel, message.name])).toEqual([
      [1, 'a'],
      [2, 'b'],
    ])
  })

  it('is online when the relay has welcomed it', async () => {
    const { connection, socket } = world()
    const seen = states(connection)
    await socket.accept()
    expect(seen).toEqual(['connecting'])
    await socket.welcome()
    expect(seen).toEqual(['connecting', 'online'])
  })

  it('opens a document on the connection that is there', async () => {
    const { connection, socket } = await online()
    connection.open('late')
    await turn()
    expect(socket.channelOf('late')).toBe(1)
  })

  it('begins offline where it is told to', async () => {
    const here = world({ online: false })
    expect(here.sockets).toHaveLength(0)
    expect(here.connection.state).toBe('offline')
    here.connection.goOnline()
    expect(here.sockets).toHaveLength(1)
  })

  it('puts the edits of a turn in all documents into one frame', async () => {
    const { connection, socket } = await online()
    const handles = ['a', 'b', 'c'].map((name) => connection.open(name))
    await turn()
    for (const { name } of handles) await socket.syncs(name)
    const before = socket.frames.length
    for (const { doc } of handles) for (const letter of 'xyz') doc.getText('text').insert(0, letter)
    await turn()
    expect(socket.frames.slice(before)).toEqual([3])
  })
})

describe('trying again', () => {
  it('waits longer each time, up to the bound, with full jitter', async () => {
    const { clock, sockets } = world({ random: () => 0.5, retryMsMax: 3_000 })
    const waits: number[] = []
    for (let attempt = 0; attempt < 8; attempt++) {
      await sockets.at(-1)!.drop()
      waits.push(clock.next)
      await clock.pass(clock.next)
    }
    expect(waits).toEqual([100, 200, 400, 800, 1_500, 1_500, 1_500, 1_500])
    expect(sockets).toHaveLength(9)
  })

  it('uses all of the interval', async () => {
    const { clock, socket } = world({ random: () => 0 })
    await socket.drop()
    expect(clock.next).toBe(0)
  })

  it('is offline as soon as an attempt has failed, and online again by itself', async () => {
    const here = await online()
    const seen = states(here.connection)
    await here.clock.pass(6_000)
    await here.socket.drop()
    await here.clock.pass(here.clock.next)
    expect(seen).toEqual(['online', 'connecting'])
    await here.socket.drop()
    await here.clock.pass(here.clock.next)
    await here.socket.drop()
    expect(seen).toEqual(['online', 'connecting', 'offline'])
    await here.clock.pass(here.clock.next)
    await here.socket.welcome()
    expect(seen).toEqual(['online', 'connecting', 'offline', 'online'])
  })

  it('begins anew after a connection that lasted, not after one that died at once', async () => {
    const here = world()
    for (let attempt = 0; attempt < 5; attempt++) {
      await here.socket.welcome()
      await here.socket.drop(1011)
      await here.clock.pass(here.clock.next)
    }
    await here.socket.drop()
    expect(here.clock.next).toBe(3_200)
    await here.clock.pass(here.clock.next)
    await here.socket.welcome()
    await here.clock.pass(5_000)
    await here.socket.drop()
    expect(here.clock.next).toBe(50)
  })

  it('tries again where the socket cannot even be made, and reports that once', async () => {
    const reported = vi.spyOn(console, 'error').mockImplementation(() => undefined)
    let attempts = 0
    const { clock, connection } = world({
      webSocket: () => {
        attempts++
        throw new Error('mixed content')
      },
    })
    for (let i = 0; i < 3; i++) await clock.pass(clock.next)
    expect(attempts).toBe(4)
    expect(connection.state).toBe('offline')
    expect(reported).toHaveBeenCalledTimes(1)
    reported.mockRestore()
  })

  it('does not loop where the relay shares no version with it', async () => {
    const here = world()
    const before = here.connection.open('before')
    await here.socket.accept()
    await here.socket.drop(4426, 'versions 3 to 5')
    const after = here.connection.open('after')
    await here.clock.pass(3_600_000)
    expect(here.sockets).toHaveLength(1)
    expect(here.connection.state).toBe('refused')
    for (const handle of [before, after]) {
      expect(handle.status).toMatchObject({
        connection: 'refused',
        error: { code: 'unsupported_version', reason: 'versions 3 to 5' },
      })
      await expect(handle.synced).rejects.toMatchObject({ code: 'unsupported_version' })
    }
    await here.connection.close()
    expect(here.clock.waiting).toBe(0)
  })

  it('opens a document again when the relay has said, and not before, however often it is refused', async () => {
    const here = world({ random: () => 0 })
    await here.socket.welcome()
    here.connection.open('x')
    const refusal = { type: 'refused', code: 'rate_limited', reason: 'slow', retry: true, retryMs: 3_000 } as const
    await turn()
    for (let opens = 1; opens <= 5; opens++) {
      expect(here.socket.requests('open')).toHaveLength(opens)
      await here.socket.ends('x', refusal)
      await here.clock.pass(2_999)
      expect(here.socket.requests('open')).toHaveLength(opens)
      await here.clock.pass(1)
    }
    expect(here.sockets).toHaveLength(1)
  })

  it('comes back when a leaving relay wants it to', async () => {
    const here = await online()
    const seen = states(here.connection)
    await here.socket.says({ type: 'leaving', retryMs: 2_000 })
    await here.clock.pass(500)
    await here.socket.drop(1001)
    await here.clock.pass(2_499)
    expect(here.sockets).toHaveLength(1)
    await here.clock.pass(1)
    expect(here.sockets).toHaveLength(2)
    expect(seen).toEqual(['online', 'connecting'])
    // the wish was for once
    await here.socket.drop()
    expect(here.clock.next).toBe(100)
  })

  it('leaves a relay that said goodbye and stays', async () => {
    const here = await online()
    await here.socket.says({ type: 'leaving', retryMs: 2_000 })
    await here.clock.pass(3_000)
    expect(here.sockets[0]!.closedWith).toBe(1000)
    expect(here.sockets).toHaveLength(2)
  })

  it('is not sent away for hours', async () => {
    const here = await online()
    await here.socket.says({ type: 'leaving', retryMs: Number.MAX_SAFE_INTEGER })
    await here.socket.drop(1001)
    expect(here.clock.next).toBe(90_000)
  })
})

describe('a silent relay', () => {
  it('is asked after 10 s and given up 5 s later', async () => {
    const here = await online()
    await here.clock.pass(9_999)
    expect(here.socket.count('ping')).toBe(0)
    await here.clock.pass(1)
    expect(here.socket.count('ping')).toBe(1)
    await here.clock.pass(4_999)
    expect(here.connection.state).toBe('online')
    await here.clock.pass(1)
    expect(here.connection.state).not.toBe('online')
    expect(here.sockets[0]!.closedWith).toBe(4000)
    await here.clock.pass(50)
    expect(here.sockets).toHaveLength(2)
  })

  it('may answer with anything', async () => {
    const here = await online()
    for (let minute = 0; minute < 10; minute++) {
      await here.clock.pass(10_000)
      await here.socket.says({ type: 'pong' })
    }
    expect(here.socket.count('ping')).toBe(10)
    expect(here.sockets).toHaveLength(1)
  })

  it('is not asked while it speaks', async () => {
    const here = await online()
    for (let second = 0; second < 60; second++) {
      await here.clock.pass(1_000)
      await here.socket.says({ type: 'ping' })
    }
    expect(here.socket.count('ping')).toBe(0)
    expect(here.socket.count('pong')).toBe(60)
  })

  it('is given up also before it has let us in', async () => {
    const here = world()
    await here.clock.pass(15_000)
    expect(here.sockets[0]!.closedWith).not.toBeNull()
    await here.clock.pass(100)
    expect(here.sockets).toHaveLength(2)
  })

  it('has the time that a slow uplink needs for what was sent', async () => {
    const here = await online()
    const { doc } = here.connection.open('large')
    await turn()
    await here.socket.syncs('large')
    doc.getText('text').insert(0, 'x'.repeat(1_000_000))
    await turn()
    // 1 MB at 32 bytes a ms
    await here.clock.pass(30_000)
    expect(here.sockets).toHaveLength(1)
    await here.clock.pass(10_000)
    expect(here.sockets).toHaveLength(2)
  })

  it('is asked at once when a sleeping machine wakes, and its answer is waited for', async () => {
    const here = await online()
    await here.clock.sleep(3_600_000)
    expect(here.socket.count('ping')).toBe(1)
    expect(here.connection.state).toBe('online')
    await here.clock.pass(5_000)
    expect(here.connection.state).not.toBe('online')
  })

  it('is asked once more when the machine slept while it answered', async () => {
    const here = await online()
    await here.clock.pass(10_000)
    await here.clock.sleep(3_600_000)
    expect(here.socket.count('ping')).toBe(2)
    await here.socket.says({ type: 'pong' })
    await here.clock.pass(5_000)
    expect(here.sockets).toHaveLength(1)
  })

  it('is given up where timers are always late', async () => {
    const here = await online()
    await here.clock.sleep(60_000)
    await here.clock.sleep(60_000)
    await here.clock.sleep(60_000)
    expect(here.connection.state).not.toBe('online')
  })
})

describe('a relay that talks nonsense', () => {
  it('loses the connection for a frame that is none', async () => {
    const here = await online()
    await here.socket.frame(new Uint8Array([0xff, 0xff, 0xff]))
    expect(here.socket.closedWith).toBe(4400)
    await here.clock.pass(here.clock.next)
    expect(here.sockets).toHaveLength(2)
  })

  it('loses the connection for text', async () => {
    const here = await online()
    here.socket.onmessage?.({ data: 'hello' } as never)
    expect(here.socket.closedWith).toBe(4400)
  })

  it('loses one session for a message that cannot be read; the others go on', async () => {
    const here = await online()
    const [bad, good] = [here.connection.open('bad'), here.connection.open('good')]
    await turn()
    await here.socket.syncs('bad')
    await here.socket.syncs('good')
    // length 2, channel 1, a type that does not exist
    await here.socket.frame(new Uint8Array([2, 1, 99]))
    expect(bad.status).toMatchObject({ connection: 'connecting', synced: false, error: null })
    expect(good.status).toMatchObject({ connection: 'online', synced: true })
    expect(here.socket.requests('close')).toEqual([{ channel: 1, message: { type: 'close' } }])
    // and that one is opened again on another channel
    await here.clock.pass(100)
    expect(here.socket.channelOf('bad')).toBe(3)
    await here.socket.syncs('bad')
    expect(bad.status.synced).toBe(true)
  })

  it('loses one session for an update that cannot be applied, for good', async () => {
    const reported = vi.spyOn(console, 'error').mockImplementation(() => undefined)
    const here = await online()
    const [bad, good] = [here.connection.open('bad'), here.connection.open('good')]
    await turn()
    await here.socket.syncs('bad')
    await here.socket.syncs('good')
    const update = new Uint8Array([1, 1, 1, 0])
    await here.socket.says(onChannel(1, { type: 'update', position: 2, chain: 2, update }))
    expect(bad.status).toMatchObject({ connection: 'refused', error: { code: 'malformed_update' } })
    expect(good.status.connection).toBe('online')
    reported.mockRestore()
  })

  it('waits longer each time where a session ends as soon as it is opened', async () => {
    const here = await online()
    here.connection.open('x')
    await turn()
    const waits: number[] = []
    for (let i = 0; i < 4; i++) {
      const at = here.clock.now()
      const opens = here.socket.requests('open').length
      await here.socket.ends('x', { type: 'closed', ...retry })
      while (here.socket.requests('open').length === opens) {
        await here.clock.pass(here.clock.next)
        await here.socket.says({ type: 'pong' })
      }
      waits.push(here.clock.now() - at)
    }
    expect(waits).toEqual([100, 200, 400, 800])
  })
})

describe('offline by wish', () => {
  it('drops the socket, keeps what is typed, and sends it when it is back', async () => {
    const here = await online()
    const handle = here.connection.open('x')
    await turn()
    await here.socket.syncs('x')
    here.connection.goOffline()
    expect(here.socket.closedWith).toBe(1000)
    handle.doc.getText('text').insert(0, 'offline')
    await here.clock.pass(600_000)
    expect(here.sockets).toHaveLength(1)
    expect(handle.status).toMatchObject({ connection: 'offline', pending: 1, saved: false })
    here.connection.goOnline()
    await here.socket.welcome()
    await here.socket.syncs('x')
    await here.socket.acknowledges('x')
    expect(handle.status).toMatchObject({ connection: 'online', pending: 0, saved: true })
  })
})

describe('the page', () => {
  class Page extends EventTarget {
    visibilityState = 'visible'
  }

  function inBrowser() {
    const window = new EventTarget()
    const page = new Page()
    let listeners = 0
    vi.stubGlobal('addEventListener', (...details: Parameters<EventTarget['addEventListener']>) => {
      listeners++
      window.addEventListener(...details)
    })
    vi.stubGlobal('removeEventListener', (...details: Parameters<EventTarget['addEventListener']>) => {
      listeners--
      window.removeEventListener(...details)
    })
    vi.stubGlobal('document', page)
    return {
      listeners: () => listeners,
      tell: (event: string) => window.dispatchEvent(Object.assign(new Event(event), { persisted: true })),
      show(visibilityState: string) {
        page.visibilityState = visibilityState
        page.dispatchEvent(new Event('visibilitychange'))
      },
    }
  }

  afterEach(() => {
    vi.unstubAllGlobals()
  })

  it('connects at once when the network is back', async () => {
    const page = inBrowser()
    const here = world()
    for (let i = 0; i < 6; i++) {
      await here.socket.drop()
      await here.clock.pass(here.clock.next)
    }
    await here.socket.drop()
    page.tell('online')
    expect(here.sockets).toHaveLength(8)
    expect(here.connection.state).toBe('connecting')
    // and the next wait is short again
    await here.socket.drop()
    expect(here.clock.next).toBe(100)
  })

  it('connects at once when somebody looks at it, not when nobody does', async () => {
    const page = inBrowser()
    const here = world()
    await here.socket.drop()
    page.show('hidden')
    expect(here.sockets).toHaveLength(1)
    page.show('visible')
    expect(here.sockets).toHaveLength(2)
  })

  it('gives up an attempt that began in the network that is gone', async () => {
    const page = inBrowser()
    const here = world()
    await here.clock.pass(3_000)
    page.tell('online')
    expect(here.sockets).toHaveLength(2)
    page.tell('online')
    expect(here.sockets).toHaveLength(2)
  })

  it('asks a quiet relay for a sign of life when it is back', async () => {
    const page = inBrowser()
    const here = await online()
    page.show('visible')
    await turn()
    expect(here.socket.count('ping')).toBe(0)
    await here.clock.pass(4_000)
    page.show('visible')
    await turn()
    expect(here.socket.count('ping')).toBe(1)
    await here.clock.pass(5_000)
    expect(here.connection.state).not.toBe('online')
  })

  it('sends what was typed and hangs up when it is left, and is back when it comes from the cache', async () => {
    const page = inBrowser()
    const here = await online()
    const handle = here.connection.open('x')
    await turn()
    await here.socket.syncs('x', docWith('seen'))
    await here.socket.acknowledges('x')
    const before = here.socket.requests('update').length
    handle.doc.getText('text').insert(0, 'last words, ')
    page.tell('pagehide')
    // in the same turn: the page has no other
    expect(here.socket.requests('update').length).toBe(before + 1)
    expect(here.socket.closedWith).toBe(1000)
    await here.clock.pass(600_000)
    expect(here.sockets).toHaveLength(1)
    page.tell('pageshow')
    expect(here.sockets).toHaveLength(2)
    expect(handle.awareness.getLocalState()).toEqual({})
  })

  it('is no longer listened to after close', async () => {
    const page = inBrowser()
    const here = world({ online: false })
    expect(page.listeners()).toBe(3)
    await here.connection.close()
    expect(page.listeners()).toBe(0)
    page.tell('online')
    page.show('visible')
    page.tell('pagehide')
    expect(here.sockets).toHaveLength(0)
    expect(here.connection.state).toBe('closed')
  })
})

describe('close', () => {
  it('leaves no timer and no open socket', async () => {
    const here = await online()
    for (const name of ['a', 'b']) here.connection.open(name)
    await turn()
    await here.socket.syncs('a')
    const seen = states(here.connection)
    await here.connection.close()
    expect(here.socket.requests('close')).toHaveLength(2)
    expect(here.socket.closedWith).toBe(1000)
    expect(here.clock.waiting).toBe(0)
    expect(seen).toEqual(['online', 'closed'])
    expect(() => here.connection.open('c')).toThrow(expect.objectContaining({ code: 'closed' }))
  })

  it('leaves none while it waits to try again', async () => {
    const here = world()
    await here.socket.drop()
    await here.connection.close()
    expect(here.clock.waiting).toBe(0)
    here.connection.goOnline()
    expect(here.sockets).toHaveLength(1)
  })

  it('waits also for a document whose handle was closed before', async () => {
    const here = await online()
    const handle = here.connection.open('x')
    await turn()
    await here.socket.syncs('x')
    await here.socket.acknowledges('x')
    handle.doc.getText('text').insert(0, 'a')
    void handle.close()
    let closed = false
    const closing = here.connection.close().then(() => {
      closed = true
    })
    await turn()
    expect(closed).toBe(false)
    await here.socket.acknowledges('x')
    await closing
    expect(here.clock.waiting).toBe(0)
  })

  it('a listener that throws does not keep the others from hearing', async () => {
    const reported = vi.spyOn(console, 'error').mockImplementation(() => undefined)
    const here = world()
    here.connection.on('state', () => {
      throw new Error('mine')
    })
    const seen = states(here.connection)
    await here.connection.close()
    expect(seen).toEqual(['connecting', 'closed'])
    expect(reported).toHaveBeenCalledTimes(1)
    reported.mockRestore()
  })
})
