import { createLogger, type Logger, type LogLevel } from '../../logger.js'
import { hidingNames, nameKeyOf } from './names.js'
import { logText } from './text.js'

/** How a log is written: `auto` is for people on a terminal, for programs elsewhere. */
export const logFormats = ['auto', 'json', 'text'] as const

/** What decides how `syncline serve` logs. */
export interface LogSettings {
  readonly data: string
  readonly logLevel: LogLevel
  readonly logFormat: (typeof logFormats)[number]
  /** hashes instead of names of documents and people */
  readonly logHashNames: boolean
}

/** The logger of `syncline serve`, which writes to stderr. */
export async function loggerOf({ data, logLevel, logFormat, logHashNames }: LogSettings): Promise<Logger> {
  const { stderr } = process
  const isText = logFormat === 'text' || (logFormat === 'auto' && stderr.isTTY === true)
  const hasColours = isText && stderr.isTTY === true && stderr.hasColors()
  const logger = createLogger(logLevel, isText ? (line) => stderr.write(logText(line, hasColours)) : undefined)
  return logHashNames ? hidingNames(logger, await nameKeyOf(data)) : logger
}
