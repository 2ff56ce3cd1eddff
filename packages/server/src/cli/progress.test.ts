import { afterEach, expect, test, vi } from 'vitest'
import { withProgress } from './progress.js'

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

test('what takes long says so every two seconds, and nothing more once it is done', async () => {
  vi.useFakeTimers()
  const lines: string[] = []
  vi.spyOn(process.stderr, 'write').mockImplementation((line) => lines.push(String(line)) > 0)
  let documents = 0
  const run = () => new Promise<string>((done) => setTimeout(() => done('done'), 4_500))
  const running = withProgress('check', run, () => `${++documents} documents so far`)
  await vi.advanceTimersByTimeAsync(4_500)
  expect(await running).toBe('done')
  await vi.advanceTimersByTimeAsync(10_000)
  expect(lines).toEqual([
    'syncline: check is at work for 2 s: 1 documents so far\n',
    'syncline: check is at work for 4 s: 2 documents so far\n',
  ])
})
