import { constants } from 'node:os'
import { SynclineError } from '@syncline/protocol'
import { CommanderError } from 'commander'
import '../errors.js'
import { createProgram, type ServeOptions } from './options.js'
import type { Serving } from './serve.js'
import { printable } from './terminal.js'

const exitFailed = 1
const exitUsage = 2

/**
 * Runs `syncline` with these arguments; the process ends with 0, with 1 where it failed, or with 2 where it was asked
 * for something that it cannot do.
 *
 * @param argv as `process.argv`
 */
export async function main(argv: readonly string[]): Promise<void> {
  try {
    await createProgram(runServe).parseAsync([...argv])
  } catch (error) {
    process.exitCode = report(error)
  }
}

async function runServe(options: ServeOptions): Promise<void> {
  // the relay with all that it stands on takes longer to load than the other commands take to run
  const { serve } = await import('./serve.js')
  const serving = await serve(options)
  stopOnSignals(serving)
  process.stdout.write(`${JSON.stringify({ event: 'listening', url: serving.url })}\n`)
}

/** The first signal stops, and waits for what is in flight; a second one does not wait. */
function stopOnSignals(serving: Serving): void {
  let isStopping = false
  const onSignal = (signal: 'SIGTERM' | 'SIGINT') => {
    if (isStopping) process.exit(128 + constants.signals[signal])
    isStopping = true
    serving.stop().then(
      () => process.exit(0),
      (error: unknown) => process.exit(report(error)),
    )
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
}

/** Says on stderr what went wrong, in one line; the result is the exit code. */
function report(error: unknown): number {
  // commander has said it already
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitUsage
  const { code, message } = errorOf(error)
  process.stderr.write(`syncline: ${code}: ${printable(message)}\n`)
  return code === 'invalid_option' ? exitUsage : exitFailed
}

function errorOf(error: unknown): { readonly code: string; readonly message: string } {
  if (error instanceof SynclineError) return error
  const {
    code = 'internal',
    message,
    address,
    port,
  } = error as NodeJS.ErrnoException & { address?: string; port?: number }
  if (code === 'EADDRINUSE')
    return { code, message: `Something else listens on ${address}:${port}. Choose another --port.` }
  return { code, message }
}
