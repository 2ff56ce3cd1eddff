import { inspect } from 'node:util'

/** How {@link until} waits and what it tells when it waited in vain. */
export interface UntilOptions {
  /** default 15,000 */
  readonly timeoutMs?: number
  /** what there was instead, for the failure's message */
  readonly seen?: () => unknown
}

/**
 * Waits for a condition that other processes or sockets bring about.
 *
 * @param story what is awaited, as the end of the sentence "waited for …"
 * @param condition looked at every millisecond
 */
export async function until(
  story: string,
  condition: () => boolean | Promise<boolean>,
  { timeoutMs = 15_000, seen }: UntilOptions = {},
): Promise<void> {
  const start = performance.now()
  while (!(await condition())) {
    if (performance.now() - start > timeoutMs) {
      const instead = seen === undefined ? '' : `; there was ${inspect(seen(), { maxStringLength: 500 })}`
      throw new Error(`waited ${timeoutMs} ms for ${story}${instead}`)
    }
    await new Promise((done) => setTimeout(done, 1))
  }
}

/**
 * A promise with a limit to its time.
 *
 * @param story what is awaited, as the end of the sentence "waited for …"
 */
export async function within<T>(story: string, promise: Promise<T>, timeoutMs = 15_000): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, fail) => {
    timer = setTimeout(() => fail(new Error(`waited ${timeoutMs} ms for ${story}`)), timeoutMs)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
