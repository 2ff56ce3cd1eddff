import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { expect, test } from 'vitest'
import { rehearse } from './rehearsal.js'

const ours = async () => (await readdir(tmpdir())).filter((name) => name.startsWith('syncline-rehearsal-'))

test('clients are sent the documents that a relay rehearses with, and it leaves nothing behind', async () => {
  const before = await ours()
  expect(await rehearse(60_000)).toBe(8)
  expect(await ours()).toEqual(before)
})

test('a relay for which it takes too long goes on without it', async () => {
  expect(await rehearse(0)).toBe(0)
})
