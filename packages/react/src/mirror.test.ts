import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { Mirror } from './mirror.js'

type Cards = Record<string, { title: string; tags: string[] }>

/** A map of two cards, each a map with an array. */
function board() {
  const cards = new Y.Doc().getMap<Y.Map<unknown>>('cards')
  for (const key of ['a', 'b']) {
    const card = new Y.Map<unknown>()
    cards.set(key, card)
    card.set('title', key)
    card.set('tags', Y.Array.from(['x', 'y']))
  }
  return { cards, mirror: Mirror.of(cards), read: () => Mirror.of(cards).read() as Cards }
}

describe.each([
  ['watched', true],
  ['not watched', false],
])('a mirror that is %s', (_, isWatched) => {
  function watchedBoard() {
    const made = board()
    if (isWatched) made.mirror.subscribe(() => undefined)
    return made
  }

  test('gives what toJSON gives, and the same until something changes', () => {
    const { cards, read } = watchedBoard()
    expect(read()).toEqual(cards.toJSON())
    expect(read()).toBe(read())
  })

  test('makes new what changed and what is around it, and keeps what is beside it', () => {
    const { cards, read } = watchedBoard()
    const before = read()
    ;(cards.get('a')!.get('tags') as Y.Array<string>).push(['z'])
    const after = read()
    expect(after).toEqual(cards.toJSON())
    expect(after).not.toBe(before)
    expect(after.a).not.toBe(before.a)
    expect(after.b).toBe(before.b)
    expect(before.a!.tags).toEqual(['x', 'y'])
  })

  test('follows a type that takes another one’s place', () => {
    const { cards, read } = watchedBoard()
    const old = cards.get('a')!
    read()
    cards.set('a', new Y.Map([['title', 'new']]))
    expect(read().a).toEqual({ title: 'new' })
    cards.get('a')!.set('title', 'newer')
    expect(read().a).toEqual({ title: 'newer' })
    expect(old.parent).toBe(cards)
    cards.delete('a')
    expect(Object.keys(read())).toEqual(['b'])
  })
})

test('calls back once for a transaction, and no more when stopped', () => {
  const { cards, mirror } = board()
  let calls = 0
  const stop = mirror.subscribe(() => calls++)
  cards.doc!.transact(() => {
    cards.get('a')!.set('title', 1)
    cards.get('b')!.set('title', 2)
  })
  expect(calls).toBe(1)
  stop()
  stop()
  cards.get('a')!.set('title', 3)
  expect(calls).toBe(1)
})

test('what changed while nobody watched is there when somebody does again', () => {
  const { cards, mirror, read } = board()
  mirror.subscribe(() => undefined)()
  const before = read()
  cards.get('a')!.set('title', 'meanwhile')
  mirror.subscribe(() => undefined)
  expect(read().a!.title).toBe('meanwhile')
  expect(read().b).toBe(before.b)
})

test('text and XML are strings, also inside', () => {
  const doc = new Y.Doc()
  const root = doc.getMap<unknown>('root')
  root.set('text', new Y.Text('one'))
  root.set('xml', new Y.XmlElement('p'))
  const mirror = Mirror.of(root)
  mirror.subscribe(() => undefined)
  expect(mirror.read()).toEqual({ text: 'one', xml: '<p></p>' })
  ;(root.get('text') as Y.Text).insert(3, ' two')
  ;(root.get('xml') as Y.XmlElement).insert(0, [new Y.XmlText('three')])
  expect(mirror.read()).toEqual({ text: 'one two', xml: '<p>three</p>' })
  ;((root.get('xml') as Y.XmlElement).get(0) as Y.XmlText).insert(0, '2 + ')
  expect(mirror.read()).toEqual(root.toJSON())
})

/** Something that is done to a random place of a document. */
const step = fc.record({
  path: fc.array(fc.nat(3), { maxLength: 3 }),
  what: fc.constantFrom('set', 'delete', 'map', 'array', 'text'),
  key: fc.nat(3),
  value: fc.oneof(fc.integer(), fc.constant({ a: [1] }), fc.string()),
})

function perform(
  root: Y.Map<unknown>,
  { path, what, key, value }: typeof step extends fc.Arbitrary<infer S> ? S : never,
) {
  let place: Y.Map<unknown> | Y.Array<unknown> = root
  for (const part of path) {
    const inner: unknown = place instanceof Y.Map ? place.get(String(part)) : place.get(part)
    if (inner instanceof Y.Text) return inner.insert(0, 'x')
    if (inner instanceof Y.Map || inner instanceof Y.Array) place = inner
  }
  const made = { map: () => new Y.Map(), array: () => new Y.Array(), text: () => new Y.Text('t') }
  const content = what === 'set' || what === 'delete' ? value : made[what]()
  if (place instanceof Y.Map) return what === 'delete' ? place.delete(String(key)) : place.set(String(key), content)
  const index = Math.min(key, place.length)
  if (what !== 'delete') return place.insert(index, [content])
  if (index < place.length) place.delete(index)
}

test('is equal to toJSON after any changes, by oneself and by others', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), step), { maxLength: 40 }), (steps) => {
      const [near, far] = [new Y.Doc(), new Y.Doc()]
      near.on('update', (update, origin) => origin !== far && Y.applyUpdate(far, update, near))
      far.on('update', (update, origin) => origin !== near && Y.applyUpdate(near, update, far))
      const mirror = Mirror.of(near.getMap('root'))
      mirror.subscribe(() => undefined)
      for (const [isNear, what] of steps) {
        const before = mirror.read()
        perform((isNear ? near : far).getMap('root'), what)
        const after = mirror.read()
        expect(after).toEqual(near.getMap('root').toJSON())
        if (after !== before) continue
        expect(JSON.stringify(after)).toBe(JSON.stringify(before))
      }
    }),
  )
})
