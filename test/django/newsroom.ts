import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { onTestFinished } from 'vitest'
import { visit } from '../support/browser.js'
import { within } from '../support/until.js'

const script = fileURLToPath(new URL('../../scripts/django.mjs', import.meta.url))

/** A Python that has Django, if there is one. */
export const python = ['python3', '/usr/bin/python3'].find(
  (name) => spawnSync(name, ['-c', 'import django']).status === 0,
)

/** True where no Python has Django; with SYNCLINE_REQUIRE_DJANGO=1 the tests are not skipped, and fail there. */
export const withoutDjango = process.env.SYNCLINE_REQUIRE_DJANGO !== '1' && python === undefined

/** The site and its relay, as `npm run django` starts them. */
export interface Newsroom {
  readonly site: string
  readonly relay: string
  /** a browser of its own, in which somebody logs in, where a name is given; the password is the name */
  open(browser: Browser, path: string, name?: string): Promise<Page>
}

/** Starts the site on free ports with a database of its own, and ends it with the test. */
export async function startNewsroom(): Promise<Newsroom> {
  const [newsroomPort, relayPort] = [await freePort(), await freePort()]
  const data = mkdtempSync(join(tmpdir(), 'syncline-newsroom-'))
  const env = {
    ...process.env,
    NEWSROOM_DATA: data,
    NEWSROOM_PORT: String(newsroomPort),
    SYNCLINE_PORT: String(relayPort),
  }
  const child = spawn(process.execPath, [script], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let complaints = ''
  child.stderr.on('data', (bytes) => {
    complaints += bytes
  })
  const exit = once(child, 'exit')
  onTestFinished(async ({ task }) => {
    child.kill('SIGTERM')
    await exit
    rmSync(data, { recursive: true, force: true })
    if (task.result?.state === 'fail') console.error(complaints)
  })
  const ready = new Promise<void>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.includes('The newsroom is at')) resolve()
    })
  })
  await within(
    'the newsroom to start',
    Promise.race([ready, exit.then(() => Promise.reject(new Error(complaints)))]),
    60_000,
  )
  const site = `http://127.0.0.1:${newsroomPort}`
  const open = async (browser: Browser, path: string, name?: string) => {
    const { page } = await visit(browser, name ?? 'visitor', { viewport: { width: 900, height: 700 } })
    await page.goto(name === undefined ? `${site}${path}` : `${site}/login/?next=${path}`)
    if (name === undefined) return page
    await page.getByLabel('Name').fill(name)
    await page.getByLabel('Password').fill(name)
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.waitForURL(`${site}${path}`)
    return page
  }
  return { site, relay: `http://127.0.0.1:${relayPort}`, open }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('a port was expected')
  return address.port
}
