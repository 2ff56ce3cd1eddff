import { beforeEach, describe, expect, test } from 'vitest'
import { type SiblingHost, type SiblingMessage, Siblings } from './siblings.js'

const progress = { edits: 1, settled: 0, saved: 0 }

/** The document of one tab, as far as others can tell. */
class Host implements SiblingHost {
  readonly applied: string[] = []
  readonly adopted: string[] = []
  stateVector = () => Uint8Array.of(0)
  difference = () => null
  apply = (update: Uint8Array) => void this.applied.push(String(update))
  adopt = (update: Uint8Array) => void this.adopted.push(String(update))
  refused = () => undefined
  progress = () => ({ edits: 0, settled: 0, saved: 0 })
  presence = () => null
  applyPresence = () => undefined
  removePresence = () => undefined
}

let host: Host
let posted: SiblingMessage[]
let siblings: Siblings
beforeEach(() => {
  host = new Host()
  posted = []
  siblings = new Siblings(
    host,
    (message) => posted.push(message),
    () => undefined,
  )
  siblings.joined('here')
  siblings.loaded()
})

/** Another tab answers what it was asked. */
function answer(asked: SiblingMessage | undefined, update: Uint8Array): void {
  if (asked?.type !== 'ask') throw new Error('nothing was asked')
  const { ask } = asked
  siblings.receive('tab', 'there', { type: 'answer', to: 'here', ask, update, presence: null, progress })
}

describe('the answer of another tab', () => {
  test('is taken, and what it has not kept is adopted when it dies', () => {
    answer(posted[0], Uint8Array.of(0, 1, 5, 1, 0, 2))
    expect(host.applied).toEqual(['0,1,5,1,0,2'])
    siblings.gone('tab')
    expect(host.adopted).toEqual(['0,1,5,1,0,2'])
  })

  test('that was frozen is none to a replica that was made anew meanwhile: it may have what was refused', () => {
    siblings.askAgain()
    const [first, second] = posted.filter(({ type }) => type === 'ask')
    answer(first, Uint8Array.of(0, 1, 5, 1, 0, 2))
    expect([host.applied, siblings.isAhead]).toEqual([[], true])
    siblings.gone('tab')
    expect(host.adopted).toEqual([])

    answer(second, Uint8Array.of(0, 1, 5, 1, 7, 1))
    expect(host.applied).toEqual(['0,1,5,1,7,1'])
  })
})

test('an edit that comes of showing that of another tab, as of tidying up, is made on what is adopted', () => {
  const there = Uint8Array.of(1, 1, 5, 0, 1)
  host.apply = () => void siblings.adopt()
  siblings.receive('tab', 'there', { type: 'edit', update: there, progress: { edits: 1, settled: 1, saved: 0 } })
  expect(host.adopted).toEqual([])
  siblings.receive('tab', 'there', { type: 'edit', update: there, progress: { edits: 2, settled: 1, saved: 0 } })
  expect(host.adopted).toEqual([String(there)])
})
