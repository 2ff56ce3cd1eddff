import { SynclineError } from '@syncline/protocol'
import { destination, pino } from 'pino'

/** What a relay writes its log lines to; a pino logger is one. */
export interface Logger {
  debug(fields: LogFields, message: string): void
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
}

/** What a log line says beside its message: numbers, short texts, an error. */
export type LogFields = Readonly<Record<string, unknown>>

/** The levels of a log, from the one that says most. */
export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const

/** One of {@link logLevels}. */
export type LogLevel = (typeof logLevels)[number]

const textMax = 200 // characters: a line stays a line, whatever a stranger sent
const stackMax = 4_000

/**
 * Makes a logger that writes JSON lines.
 *
 * @param write takes each line; default: stderr, written at once, so that a crash loses no line
 */
export function createLogger(level: LogLevel, write?: (line: string) => void): Logger {
  const options = {
    level,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  return boundedLogger(pino(options, write ? { write } : destination({ dest: 2, sync: true })))
}

/**
 * Bounds what reaches a logger: texts are cut, queries of URLs are redacted (they carry tokens), an error becomes its
 * code and message, its stack only where it is our bug. What is neither a number nor a text is left out. A logger that
 * throws has lost a line, and nothing else happens.
 */
export function boundedLogger(logger: Logger): Logger {
  const write = (level: keyof Logger) => (fields: LogFields, message: string) => {
    try {
      logger[level](boundedFields(fields), message)
    } catch {
      // there is nowhere left to say it
    }
  }
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
}

/** What was thrown, as an error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}

function boundedFields(fields: LogFields): LogFields {
  const bounded: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(fields)) {
    if (value instanceof Error) Object.assign(bounded, describe(value))
    else if (typeof value === 'string') bounded[key] = cut(redactQuery(value), textMax)
    else if (typeof value === 'number' || typeof value === 'boolean' || value === null) bounded[key] = value
  }
  return bounded
}

function describe(error: Error): LogFields {
  const reason = cut(redactQuery(error.message), textMax)
  if (error instanceof SynclineError) return { code: error.code, reason }
  const { code } = error as { readonly code?: unknown }
  const stack = cut(redactQuery(error.stack ?? ''), stackMax)
  return { code: typeof code === 'string' ? cut(code, textMax) : 'internal', reason, stack }
}

function redactQuery(text: string): string {
  return text.replace(/\?[^\s"']+/g, '?…')
}

function cut(text: string, max: number): string {
  return text.length > max ? `${text.slice(0, max)}…` : text
}
