import { type Append, type Log, SynclineError } from '@syncline/protocol'
import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../../../test/support/random.js'
import type { Clock } from '../clock.js'
import { type CommitSource, Committer } from './committer.js'

/** Time that passes when the test says so. */
class TestClock implements Clock {
  #now = 1_000_000
  readonly #timers = new Set<{ at: number; call: () => void }>()

  now = () => this.#now
  after = (ms: number, call: () => void) => {
    const timer = { at: this.#now + ms, call }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  get waiting(): number {
    return this.#timers.size
  }

  jump(ms: number): void {
    this.#now += ms
  }

  async pass(ms: number): Promise<void> {
    this.#now += ms
    for (const timer of [...this.#timers].filter(({ at }) => at <= this.#now)) {
      this.#timers.delete(timer)
      timer.call()
    }
    await settled()
  }
}

/** A log whose commits end when the test says so. */
class TestLog implements Pick<Log, 'commit'> {
  readonly commits: (readonly Append[])[] = []
  #end: ((error?: Error) => void) | null = null

  commit(appends: readonly Append[]): Promise<void> {
    if (this.#end !== null) throw new Error('two commits at a time')
    this.commits.push(appends)
    return new Promise((resolve, reject) => {
      this.#end = (error) => (error ? reject(error) : resolve())
    })
  }

  async finish(error?: Error): Promise<void> {
    const end = this.#end
    if (end === null) throw new Error('no commit is running')
    this.#end = null
    end(error)
    await settled()
  }

  get running(): boolean {
    return this.#end !== null
  }

  get documents(): string[][] {
    return this.commits.map((appends) => appends.map(({ document }) => document))
  }
}

/** A source that has something to give at every request, and tells what happened to it. */
class TestSource implements CommitSource {
  readonly story: string[] = []
  readonly #name: string
  readonly #updateBytes: number
  #position = 0

  constructor(name: string, updateBytes = 1) {
    this.#name = name
    this.#updateBytes = updateBytes
  }

  take(now: number): Append | null {
    this.story.push('taken')
    const runs = [{ author: '', update: new Uint8Array(this.#updateBytes) }]
    return { document: this.#name, epoch: '', record: { position: ++this.#position, chain: 0, time: now, runs } }
  }

  committed(): void {
    this.story.push('committed')
  }

  failed(error: SynclineError): void {
    this.story.push(error.code)
  }
}

// macrotask: every promise that could settle has settled
const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

function setUp(options: { commitBytesMax?: number } = {}) {
  const clock = new TestClock()
  const log = new TestLog()
  const errors: unknown[] = []
  const committer = new Committer(log, { clock, onError: (error) => errors.push(error), ...options })
  return { clock, log, errors, committer }
}

describe('a committer', () => {
  test('commits at once when it is quiet, and tells who asked', async () => {
    const { committer, log, clock } = setUp()
    const source = new TestSource('a')
    committer.request(source)
    await settled()
    expect(log.running).toBe(true)
    expect(clock.waiting).toBe(0)
    expect(source.story).toEqual(['taken'])
    await log.finish()
    expect(source.story).toEqual(['taken', 'committed'])
  })

  test('takes into the next commit whatever was asked for during the last one', async () => {
    const { committer, log } = setUp()
    const [a, b, c] = ['a', 'b', 'c'].map((name) => new TestSource(name)) as [TestSource, TestSource, TestSource]
    committer.request(a)
    await settled()
    for (const source of [b, a, c, b, b]) committer.request(source)
    await settled()
    expect(log.documents).toEqual([['a']])
    await log.finish()
    expect(log.documents).toEqual([['a'], ['b', 'a', 'c']])
    await log.finish()
    expect(log.running).toBe(false)
    expect(b.story).toEqual(['taken', 'committed'])
    expect(a.story).toEqual(['taken', 'committed', 'taken', 'committed'])
  })

  test('puts what is asked for in one turn into one commit', async () => {
    const { committer, log } = setUp()
    for (const name of ['a', 'b', 'c']) committer.request(new TestSource(name))
    await settled()
    expect(log.documents).toEqual([['a', 'b', 'c']])
  })

  test('commits nothing where nobody has anything', async () => {
    const { committer, log } = setUp()
    committer.request({ take: () => null, committed: () => {}, failed: () => {} })
    await settled()
    expect(log.commits).toEqual([])
    committer.request(new TestSource('a'))
    await settled()
    expect(log.documents).toEqual([['a']])
  })

  test('leaves the rest for the next commit where one would become too large', async () => {
    const { committer, log } = setUp({ commitBytesMax: 100 })
    for (const name of ['a', 'b', 'c', 'd', 'e']) committer.request(new TestSource(name, 60))
    await settled()
    while (log.running) await log.finish()
    expect(log.documents).toEqual([['a', 'b'], ['c', 'd'], ['e']])
  })

  test('takes a source that asks again while it is taken, or told, with the next commit', async () => {
    const { committer, log } = setUp()
    let left = 3
    const source = new TestSource('a')
    const eager: CommitSource = {
      take: (now) => {
        if (left-- > 0) committer.request(eager)
        return source.take(now)
      },
      committed: () => {
        if (left > 0) committer.request(eager)
      },
      failed: () => {},
    }
    committer.request(eager)
    await settled()
    while (log.running) await log.finish()
    expect(log.documents).toEqual([['a'], ['a'], ['a'], ['a']])
  })
})

describe('a committer with a source that throws', () => {
  test('commits for all others, and reports it', async () => {
    const { committer, log, errors } = setUp()
    const [a, b] = [new TestSource('a'), new TestSource('b')]
    const throwing = (name: string, step: 'take' | 'committed'): CommitSource => {
      const source = new TestSource(name)
      return Object.assign(source, {
        [step]: () => {
          throw new Error(`${name} threw`)
        },
      })
    }
    for (const source of [throwing('x', 'take'), a, throwing('y', 'committed'), b]) committer.request(source)
    await settled()
    await log.finish()
    expect(log.documents).toEqual([['a', 'y', 'b']])
    expect(a.story).toEqual(['taken', 'committed'])
    expect(b.story).toEqual(['taken', 'committed'])
    expect(errors.map(String)).toEqual(['Error: x threw', 'Error: y threw'])
  })
})

describe('a committer whose log fails', () => {
  test('fails everyone: who was taken, who waited, and who asks later', async () => {
    const { committer, log, errors } = setUp()
    const [taken, waiting, late] = ['a', 'b', 'c'].map((name) => new TestSource(name)) as [
      TestSource,
      TestSource,
      TestSource,
    ]
    const throwing: CommitSource = Object.assign(new TestSource('x'), {
      failed: () => {
        throw new Error('x threw')
      },
    })
    committer.request(throwing)
    committer.request(taken)
    await settled()
    committer.request(waiting)
    await log.finish(new Error('No space left on device'))
    committer.request(late)
    await settled()
    expect(taken.story).toEqual(['taken', 'storage_failed'])
    expect(waiting.story).toEqual(['storage_failed'])
    expect(late.story).toEqual(['storage_failed'])
    expect(log.commits.length).toBe(1)
    expect(errors.map(String)).toEqual(['Error: x threw'])
    await expect(committer.drain()).rejects.toMatchObject({ code: 'storage_failed' })
  })

  test('does so also where the log throws at once', async () => {
    const errors: unknown[] = []
    const commit = () => {
      throw new SynclineError('storage_failed')
    }
    const committer = new Committer({ commit }, { clock: new TestClock(), onError: (error) => errors.push(error) })
    const source = new TestSource('a')
    committer.request(source)
    await settled()
    expect(source.story).toEqual(['taken', 'storage_failed'])
    expect(errors).toEqual([])
  })
})

describe('draining', () => {
  test('resolves at once where there is nothing', async () => {
    await setUp().committer.drain()
  })

  test('resolves after the commit in flight and the one that follows', async () => {
    const { committer, log } = setUp()
    const story: string[] = []
    const source = new TestSource('b')
    committer.request(new TestSource('a'))
    await settled()
    committer.request(source)
    const drained = committer.drain().then(() => story.push('drained'))
    await log.finish()
    expect(story).toEqual([])
    await log.finish()
    await drained
    expect(source.story).toEqual(['taken', 'committed'])
  })

  test('waits for no company', async () => {
    const { committer, log, clock } = setUp()
    await busy(committer, log, clock)
    committer.request(new TestSource('last'))
    await settled()
    expect(log.running).toBe(false)
    const drained = committer.drain()
    await settled()
    expect(log.documents.at(-1)).toEqual(['last'])
    await log.finish()
    await drained
    expect(clock.waiting).toBe(0)
  })
})

/** 2,000 requests a second, commits that take no time: until the first one that waited for company is through. */
async function busy(committer: Committer, log: TestLog, clock: TestClock): Promise<void> {
  for (let i = 0, waited = false; i < 1_000; i++) {
    await clock.pass(0.5)
    if (log.running) await log.finish()
    if (waited && clock.waiting === 0) return
    committer.request(new TestSource(`busy ${i}`))
    await settled()
    if (clock.waiting > 0) waited = true
  }
  throw new Error('it never waits')
}

describe('under load', () => {
  test('a commit waits up to 5 ms for company', async () => {
    const { committer, log, clock } = setUp()
    await busy(committer, log, clock)
    const before = log.commits.length
    for (let i = 0; i < 10; i++) {
      committer.request(new TestSource(`company ${i}`))
      await settled()
      await clock.pass(0.5)
    }
    expect(log.commits.length).toBe(before + 1)
    expect(log.commits.at(-1)!.length).toBe(10)
  })

  test('it waits no longer where the last commit took that long', async () => {
    const { committer, log, clock } = setUp()
    await busy(committer, log, clock)
    for (let i = 0; i < 16; i++) committer.request(new TestSource(`first ${i}`))
    await settled()
    committer.request(new TestSource('second'))
    clock.jump(3)
    await log.finish()
    expect(log.running).toBe(false)
    await clock.pass(2)
    expect(log.running).toBe(true)
    committer.request(new TestSource('third'))
    clock.jump(6)
    await log.finish()
    expect(log.documents.at(-1)).toEqual(['third'])
  })

  test('it goes at once when there is company enough', async () => {
    const { committer, log, clock } = setUp()
    await busy(committer, log, clock)
    for (let i = 0; i < 16; i++) committer.request(new TestSource(`company ${i}`))
    await settled()
    expect(log.commits.at(-1)!.length).toBe(16)
    expect(clock.waiting).toBe(0)
  })

  test('where waiting brings nobody, as with one client that waits for each answer, it is given up for long', async () => {
    const { committer, log, clock } = setUp()
    const source = new TestSource('alone')
    let waits = 0
    for (let i = 0; i < 1_100; i++) {
      await clock.pass(0.2)
      committer.request(source)
      await settled()
      if (!log.running) {
        waits++
        await clock.pass(5)
      }
      await log.finish()
    }
    // fewer may have been missed by chance
    expect(waits).toBe(4)
  })

  test('where requests come by chance, a wait that brought nobody is no reason to give up', async () => {
    const { committer, log, clock } = setUp()
    const random = seededRandom(7)
    // 1,500 a second, each at a moment of its own, and commits that take no time
    for (let i = 0; i < 10_000; i++) {
      await clock.pass(-Math.log(1 - random()) / 1.5)
      if (log.running) await log.finish()
      committer.request(new TestSource(`${i}`))
      await settled()
    }
    expect(log.commits.length).toBeLessThan(10_000 / 3)
  })

  test('after a pause the first one waits for nobody', async () => {
    const { committer, log, clock } = setUp()
    await busy(committer, log, clock)
    clock.jump(100)
    committer.request(new TestSource('first'))
    await settled()
    expect(log.running).toBe(true)
  })

  test('a few hundred requests a second never wait, whatever the clock does', async () => {
    const { committer, log, clock } = setUp()
    for (let i = 0; i < 500; i++) {
      clock.jump(i % 100 === 99 ? -50_000 : 2.5)
      committer.request(new TestSource(`${i}`))
      await settled()
      expect(log.running).toBe(true)
      await log.finish()
    }
  })
})
