import { expect, test, vi } from 'vitest'
import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { providerOf } from './provider.js'
import type { DocumentHandle, DocumentStatus } from './types.js'

function fakeHandle() {
  const listeners = new Set<() => void>()
  let status = { synced: false, connection: 'connecting' } as DocumentStatus
  const awareness = new Awareness(new Y.Doc())
  const handle = {
    awareness,
    get status() {
      return status
    },
    on: (_event: 'status', listener: () => void) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  } as unknown as DocumentHandle
  const become = (change: Partial<DocumentStatus>) => {
    status = { ...status, ...change }
    for (const listener of listeners) listener()
  }
  return { handle, listeners, become, awareness }
}

test('a provider tells of sync and status once each time that they change, and to whoever comes late', async () => {
  const { handle, listeners, become, awareness } = fakeHandle()
  const provider = providerOf(handle)
  expect(provider.awareness).toBe(awareness)
  const [synced, status] = [vi.fn(), vi.fn()]
  provider.on('sync', synced)
  provider.on('status', status)
  await Promise.resolve()
  become({ connection: 'online' })
  become({ synced: true })
  become({ pending: 3 })
  become({ connection: 'offline', synced: false })
  expect(synced.mock.calls).toEqual([[true], [false]])
  expect(status.mock.calls).toEqual([
    [{ status: 'connecting' }],
    [{ status: 'connected' }],
    [{ status: 'disconnected' }],
  ])
  provider.off('sync', synced)
  provider.off('status', status)
  expect(listeners.size).toBe(0)
  become({ synced: true })
  const late = vi.fn()
  provider.on('sync', late)
  await Promise.resolve()
  expect(late.mock.calls).toEqual([[true]])
  provider.on('reload', late) // an event that there is none of
  expect(listeners.size).toBe(1)
  awareness.destroy()
})
