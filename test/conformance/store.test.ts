import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { memoryStore } from '@syncline/client'
import { indexedDbStore } from '@syncline/client/indexeddb'
import { levelStore } from '@syncline/client/node'
import { IDBFactory } from 'fake-indexeddb'
import { vi } from 'vitest'
import { storeConformance } from './store.js'

storeConformance('memoryStore', async () => ({ store: memoryStore(), close: async () => {} }))

storeConformance('indexedDbStore', async () => {
  vi.stubGlobal('indexedDB', new IDBFactory())
  return {
    store: indexedDbStore(),
    reopen: async () => indexedDbStore(),
    close: async () => void vi.unstubAllGlobals(),
  }
})

storeConformance('levelStore', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'syncline-store-'))
  const store = levelStore(directory)
  return {
    store,
    async reopen() {
      await store.close()
      return store
    },
    async close() {
      await store.close()
      await rm(directory, { recursive: true })
    },
  }
})
