import { writeFile } from 'node:fs/promises'
import { SynclineError } from '@syncline/protocol'

// what a terminal would obey, or show in another place than it stands: controls, marks that turn the direction of
// writing, line separators, half of a surrogate pair
const unsafe = /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu

/** A text that others wrote, on one line of a terminal. */
export function printable(text: string): string {
  return text.replace(unsafe, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`)
}

/** JSON that says the same, and has nothing in it that a terminal would obey. */
export function printableJson(value: unknown, indent = 0): string {
  const text = JSON.stringify(value, null, indent)
  // none of these stands outside of a string, but for the line feeds of the indentation
  return text.replace(unsafe, (character) =>
    character === '\n' ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** A number with a comma for every thousand. */
export function grouped(count: number): string {
  return count.toLocaleString('en-US')
}

/** A number of things, such as `1 document` and `2 documents`. */
export function counted(count: number, thing: string): string {
  return `${grouped(count)} ${thing}${count === 1 ? '' : 's'}`
}

/**
 * Writes to stdout, and waits until it is gone.
 *
 * @returns false where nobody reads any more, as after `| head`
 */
export async function print(data: string | Uint8Array): Promise<boolean> {
  // the callback is told as well; without a listener the process would end
  if (process.stdout.listenerCount('error') === 0) process.stdout.on('error', () => {})
  const error = await new Promise<Error | null | undefined>((resolve) => process.stdout.write(data, resolve))
  if (!error) return true
  if ((error as NodeJS.ErrnoException).code === 'EPIPE') return false
  throw error
}

/** Writes a line to stdout. */
export async function printLine(line: string): Promise<void> {
  await print(`${line}\n`)
}

/** Writes to a file, or to stdout where there is none. */
export async function printTo(file: string | undefined, data: string | Uint8Array): Promise<void> {
  if (file !== undefined) return writeFile(file, data)
  if (typeof data !== 'string' && process.stdout.isTTY) {
    throw new SynclineError('invalid_option', '--out: an update is no text for a terminal; name a file')
  }
  await print(data)
}

/** Writes a line to stderr. */
export function complain(line: string): void {
  process.stderr.write(`${line}\n`)
}
