import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { python, withoutDjango } from './newsroom.js'

const site = fileURLToPath(new URL('../../demo/django', import.meta.url))

test.skipIf(withoutDjango)("the site's own tests, of the module that people copy", { timeout: 60_000 }, () => {
  const env = { ...process.env, SYNCLINE_URL: 'http://127.0.0.1:9', PYTHONDONTWRITEBYTECODE: '1' }
  const { status, stderr } = spawnSync(python ?? 'python3', ['manage.py', 'test'], { cwd: site, env, encoding: 'utf8' })
  expect(stderr).toMatch(/Ran [1-9]\d+ tests/)
  expect(status, stderr).toBe(0)
})
