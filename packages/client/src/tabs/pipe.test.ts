import { describe, expect, it } from 'vitest'
import { Backoff } from '../backoff.js'
import type { LinkEnd } from '../link.js'
import { FakeClock, FakeSocket, turn } from '../testing/fakes.js'
import { FakeBrowser } from '../testing/fakeTabs.js'
import { FollowerLine, PipeMember } from './pipe.js'
import { type Member, Trunk } from './trunk.js'

const MiB = 1024 * 1024

/** A tab that follows, at the end of a pipe of a leader whose socket is open. */
async function pipe() {
  const clock = new FakeClock()
  const browser = new FakeBrowser()
  const [leader, follower] = [browser.newTab(), browser.newTab()]
  const sockets: FakeSocket[] = []
  const open = () => {
    sockets.push(new FakeSocket())
    return sockets.at(-1)!
  }
  const trunk = new Trunk(open, clock, 1_000_000, new Backoff(clock, () => 0.5, 10_000), {
    mayRead: () => true,
    opened: () => undefined,
  })
  const taken: number[] = []
  const ends: LinkEnd[] = []
  const tab: Member = {
    opened: () => undefined,
    deliver: (frame) => taken.push(frame.length),
    closed: (end) => ends.push(end),
  }
  const line = new FollowerLine(follower.channel('pipe'), tab, () => undefined)
  let isOver = false
  const member = new PipeMember(leader.channel('pipe'), trunk, clock, () => {
    isOver = true
  })
  trunk.attach(member, true)
  await sockets[0]!.accept()
  return { clock, follower, line, member, taken, ends, sockets, isOver: () => isOver }
}

describe('a pipe to a tab', () => {
  it('delivers frames in order, however many', async () => {
    const { member, taken } = await pipe()
    for (let i = 1; i <= 40; i++) member.deliver(new Uint8Array(100_000 + i))
    for (let i = 0; i < 40; i++) await turn()
    expect(taken).toEqual(Array.from({ length: 40 }, (_, i) => 100_001 + i))
  })

  it('waits for a tab that is frozen for a moment', async () => {
    const { clock, follower, member, taken, ends } = await pipe()
    follower.freeze()
    for (let i = 0; i < 30; i++) member.deliver(new Uint8Array(MiB / 4))
    await clock.pass(4_000)
    follower.thaw()
    for (let i = 0; i < 40; i++) await turn()
    expect(taken).toHaveLength(30)
    await clock.pass(20_000)
    expect(ends).toEqual([])
  })

  it('gives a tab up that stays frozen, which begins anew when it thaws', async () => {
    const { clock, follower, member, ends, sockets, isOver } = await pipe()
    follower.freeze()
    for (let i = 0; i < 30; i++) member.deliver(new Uint8Array(MiB / 4))
    await clock.pass(6_000)
    expect(isOver()).toBe(true)
    expect(sockets[0]!.readyState).toBe(3) // nobody else has a session
    follower.thaw()
    await turn()
    expect(ends).toEqual([{ code: 4002, reason: 'This tab took nothing' }])
  })

  it('keeps little for as long as it has to', async () => {
    const { clock, follower, member, taken, ends } = await pipe()
    follower.freeze()
    for (let i = 0; i < 12; i++) member.deliver(new Uint8Array(MiB / 4))
    await clock.pass(600_000)
    follower.thaw()
    for (let i = 0; i < 20; i++) await turn()
    expect([taken.length, ends]).toEqual([12, []])
  })

  it('keeps no more than it may, however fast it comes', async () => {
    const { follower, member, isOver } = await pipe()
    follower.freeze()
    for (let i = 0; i < 140 && !isOver(); i++) member.deliver(new Uint8Array(MiB))
    expect(isOver()).toBe(true)
  })

  it('ends with either end', async () => {
    const { line, isOver } = await pipe()
    line.close()
    await turn()
    expect(isOver()).toBe(true)
  })
})
