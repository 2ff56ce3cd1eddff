import { complain } from './terminal.js'

const tellMs = 2_000

/**
 * Runs what may take long, and says on stderr every two seconds that it is at work.
 *
 * @param soFar how far it is, where that is known
 */
export async function withProgress<T>(command: string, run: () => Promise<T>, soFar?: () => string): Promise<T> {
  const began = performance.now()
  const timer = setInterval(() => {
    const seconds = Math.round((performance.now() - began) / 1_000)
    complain(`syncline: ${command} is at work for ${seconds} s${soFar ? `: ${soFar()}` : ''}`)
  }, tellMs)
  try {
    return await run()
  } finally {
    clearInterval(timer)
  }
}
