import type { DocumentInfo } from '@syncline/protocol'
import { describe, expect, test } from 'vitest'
import { newCounters } from '../counters.js'
import { QuietHours } from './quietHours.js'
import { daysFor, Retention, type RetentionRule, retentionRule } from './retention.js'

const dayMs = 24 * 60 * 60 * 1_000
const at = (time: string) => new Date(`2026-03-10T${time}`).getTime() // by the clock of the machine

describe('quiet hours', () => {
  test.each([
    ['02:00-05:00', '02:00:00', true],
    ['02:00-05:00', '04:59:59', true],
    ['02:00-05:00', '05:00:00', false],
    ['02:00-05:00', '01:59:59', false],
    ['22:30-05:00', '23:00:00', true],
    ['22:30-05:00', '00:00:00', true],
    ['22:30-05:00', '12:00:00', false],
  ])('%s have %s: %s', (text, time, isQuiet) => {
    expect(QuietHours.parse(text)!.isAt(at(time))).toBe(isQuiet)
  })

  test('begin so long from now', () => {
    const hours = QuietHours.parse('02:00-05:00')!
    expect(hours.msUntil(at('01:59:58'))).toBe(2_000)
    expect(hours.msUntil(at('05:00:00'))).toBe(21 * 60 * 60 * 1_000)
    expect(hours.msUntil(at('03:00:00'))).toBe(0)
  })

  test.each(['', '2-5', '02:00', '24:00-05:00', '02:60-05:00', '02:00-02:00', '02:00-05:00 '])('are not %j', (text) => {
    expect(QuietHours.parse(text)).toBeNull()
  })
})

describe('retention', () => {
  test('rules are days, with a pattern or for all others', () => {
    expect(retentionRule('90')).toEqual({ days: 90, pattern: null })
    expect(retentionRule('7=drafts/*')).toEqual({ days: 7, pattern: 'drafts/*' })
    expect(retentionRule('never=a=b')).toEqual({ days: null, pattern: 'a=b' })
    for (const wrong of ['', '0', '1.5', '-1', '7=', '100000', 'drafts/*', '=x'])
      expect(retentionRule(wrong)).toBeNull()
  })

  test('the first pattern decides, whatever the rule for all others says', () => {
    const rules = ['30', 'never=drafts/kept/*', '7=drafts/*'].map((text) => retentionRule(text)!)
    expect(['notes', 'drafts/a', 'drafts/kept/a'].map((name) => daysFor(rules, name))).toEqual([30, 7, null])
    expect(daysFor([retentionRule('7=drafts/*')!], 'notes')).toBeNull()
  })

  /** A sweep over documents that were changed so many days ago. */
  async function swept(rules: readonly RetentionRule[], ages: Readonly<Record<string, number | null>>) {
    const now = 1_000 * dayMs
    const runs: (() => void)[] = []
    const asked: { readonly document: string; readonly before: number }[] = []
    const counters = newCounters()
    const documents = Object.entries(ages)
      .map(
        ([name, days]) => ({ name, epoch: 'e', changedAt: days === null ? null : now - days * dayMs }) as DocumentInfo,
      )
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    const retention = new Retention(rules, {
      clock: {
        now: () => now,
        after: (_ms, run) => {
          runs.push(run)
          return () => {}
        },
      },
      logger: { debug() {}, info() {}, warn() {}, error() {} },
      counters,
      list: async ({ after, limit }) => documents.filter(({ name }) => name > after).slice(0, Math.min(limit, 2)),
      removeUnused: async (document, before) => {
        asked.push({ document, before })
        return document !== 'open'
      },
    })
    runs[0]!()
    while (runs.length < 2) await new Promise((done) => setImmediate(done))
    retention.close()
    return { asked, expired: counters.expired, now }
  }

  test('asks for what is older than its days, page by page, and counts what went', async () => {
    const rules = ['30', '7=drafts/*'].map((text) => retentionRule(text)!)
    const ages = { a: 31, b: 30, c: 29, 'drafts/x': 8, 'drafts/y': 6, open: 99, unknown: null }
    const { asked, expired, now } = await swept(rules, ages)
    expect(asked).toEqual([
      { document: 'a', before: now - 30 * dayMs },
      { document: 'drafts/x', before: now - 7 * dayMs },
      { document: 'open', before: now - 30 * dayMs },
    ])
    expect(expired).toBe(2)
  })
})
