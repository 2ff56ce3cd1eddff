import { expect, test } from 'vitest'
import { SharedReply } from './session.js'

function counting(bytes: number) {
  const asked: (number | string)[] = []
  const reply = new SharedReply({ type: 'synced', position: 1, chain: 1, update: new Uint8Array(bytes) })
  const ask = (form: number) =>
    reply.encoded(form, () => {
      asked.push(form)
      return [new Uint8Array(bytes)]
    })
  return { asked, ask }
}

test('a reply is encoded once for each form', () => {
  const { asked, ask } = counting(1_000)
  for (const form of [1, 2, 1, 2]) ask(form)
  expect(asked).toEqual([1, 2])
})

test('of a large one a single form is in memory, however many channels it goes to', () => {
  const { asked, ask } = counting(100_000)
  expect(ask(1)).toBe(ask(1))
  for (const form of [2, 2, 3, 1]) ask(form)
  expect(asked).toEqual([1, 2, 3, 1])
})
