import { createHmac, randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { boundedLogger, type LogFields, type Logger } from '../../logger.js'

const keyBytes = 32
// as far as the log has names
const nameLengthMax = 200
const nameFields = ['document', 'subject'] as const
// an error may say of which document it is
const freeTexts = ['reason', 'stack'] as const

/** The key of a data directory that hides names in its logs; it is made where there is none, for its owner alone. */
export async function nameKeyOf(data: string): Promise<Buffer> {
  const path = join(data, 'log-names.key')
  await mkdir(data, { recursive: true, mode: 0o700 })
  // whoever comes second reads what the first has written
  await writeFile(path, randomBytes(keyBytes), { mode: 0o600, flag: 'wx' }).catch(unlessItExists)
  return readFile(path)
}

/**
 * What stands in the log for the name of a document or of a person. Without the key nobody can find the name by trying
 * likely ones; with the key the operator finds the lines of a name.
 */
export function hiddenName(key: Uint8Array, name: string): string {
  const shown = name.length > nameLengthMax ? name.slice(0, nameLengthMax) : name.replace(/…$/u, '')
  return `#${createHmac('sha256', key).update(shown).digest('hex').slice(0, 16)}`
}

/** A logger that has the hashes of names in place of names of documents and people. */
export function hidingNames(logger: Logger, key: Uint8Array): Logger {
  const write = (level: keyof Logger) => (fields: LogFields, message: string) =>
    logger[level](hidden(fields, key), message)
  return boundedLogger({ debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') })
}

function hidden(fields: LogFields, key: Uint8Array): LogFields {
  const names = nameFields
    .map((field) => fields[field])
    .filter((name): name is string => typeof name === 'string' && name !== '')
  if (names.length === 0) return fields
  const hide = (text: string) =>
    names.reduce<string>((rest, name) => rest.replaceAll(name, hiddenName(key, name)), text)
  const shown: Record<string, unknown> = { ...fields }
  for (const field of [...nameFields, ...freeTexts]) {
    const value = fields[field]
    if (typeof value === 'string') shown[field] = hide(value)
  }
  return shown
}

function unlessItExists(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error
}
