import { type Browser, chromium } from 'playwright-core'
import { findChromium } from '../../scripts/chromium.mjs'

const executable = findChromium()

/**
 * True where browser tests have to be skipped: `describe.skipIf(withoutBrowser)`. With SYNCLINE_REQUIRE_BROWSER=1 they
 * are not skipped, and fail where no browser is.
 */
export const withoutBrowser = executable === null && process.env.SYNCLINE_REQUIRE_BROWSER !== '1'

/** Starts the system's Chromium without a window. Each `newContext()` is a person with a profile of their own. */
export async function launchBrowser(): Promise<Browser> {
  if (executable === null) throw new Error('no Chromium or Chrome found; SYNCLINE_CHROMIUM can name one')
  return chromium.launch({
    executablePath: executable,
    // Chromium refuses its sandbox to root, and only to root
    chromiumSandbox: process.getuid?.() !== 0,
    args: [
      '--disable-gpu',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}
