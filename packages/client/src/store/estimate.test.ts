import { afterEach, expect, it, vi } from 'vitest'
import { storageEstimate } from './estimate.js'

afterEach(() => vi.unstubAllGlobals())

const browserWith = (storage: unknown) => vi.stubGlobal('navigator', { storage })

it('tells what the browser tells', async () => {
  browserWith({ estimate: async () => ({ usage: 5, quota: 100 }), persisted: async () => true })
  expect(await storageEstimate()).toEqual({ usage: 5, quota: 100, persisted: true })
})

it.each<[string, unknown]>([
  ['there is no such thing', undefined],
  ['the page may not ask', { estimate: () => Promise.reject(new TypeError()), persisted: async () => false }],
  ['the browser keeps it to itself', { estimate: async () => ({}), persisted: async () => false }],
])('is null where %s', async (_story, storage) => {
  browserWith(storage)
  expect(await storageEstimate()).toBe(null)
})

it('is null in Node', async () => {
  vi.stubGlobal('navigator', undefined)
  expect(await storageEstimate()).toBe(null)
})
