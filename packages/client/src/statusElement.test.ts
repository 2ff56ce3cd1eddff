import { describe, expect, test } from 'vitest'
import { describeAge, describeStatus } from './statusElement.js'
import type { DocumentStatus } from './types.js'

const calm: DocumentStatus = {
  connection: 'online',
  synced: true,
  pending: 0,
  saved: true,
  unkept: 0,
  refused: 0,
  storage: 'ok',
  syncedAt: null,
  access: 'write',
  error: null,
}

describe('the words of a status', () => {
  test.each<[string, Partial<DocumentStatus>, boolean]>([
    ['All changes saved', {}, false],
    ['Saving…', { pending: 3, saved: false }, false],
    ['Connecting…', { synced: false }, false],
    ['Connecting…', { connection: 'connecting' }, true],
    ['Saving…', { connection: 'offline', pending: 1, saved: false }, true],
    ['Offline: no unsaved changes', { connection: 'offline' }, false],
    ['Offline: 1 change kept on this device', { connection: 'offline', pending: 1, saved: false }, false],
    ['Offline: 7 changes kept in this tab', { connection: 'offline', pending: 7, unkept: 7, saved: false }, false],
    ['Not connected', { connection: 'refused' }, false],
    ['Not connected: 2 changes not saved', { connection: 'refused', pending: 2, saved: false }, true],
  ])('%s', (text, status, patient) => {
    expect(describeStatus({ ...calm, ...status }, patient).text).toBe(text)
  })

  test('never say saved while anything is pending, nor while the relay is missing', () => {
    for (const connection of ['offline', 'connecting', 'online', 'refused', 'closed'] as const) {
      for (const pending of [0, 1]) {
        for (const synced of [true, false]) {
          for (const patient of [true, false]) {
            const status = { ...calm, connection, pending, synced, saved: pending === 0 }
            const isSaved = connection === 'online' && pending === 0 && synced
            expect(describeStatus(status, patient).state === 'saved').toBe(isSaved)
          }
        }
      }
    }
  })
})

test.each([
  [59_000, ''],
  [60_000, 'In sync 1 minute ago'],
  [3_599_000, 'In sync 59 minutes ago'],
  [2 * 3_600_000, 'In sync 2 hours ago'],
  [25 * 3_600_000, 'In sync yesterday'],
  [72 * 3_600_000, 'In sync 3 days ago'],
])('%i ms ago: %s', (ms, text) => {
  expect(describeAge(ms)).toBe(text)
})
