import { SynclineError } from './errors.js'
import { defaultLimits } from './limits.js'

// C0, DEL and C1 controls, and the line separators that split log lines
const forbidden = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/

/**
 * Checks a document name: 1 to `nameBytesMax` bytes of UTF-8, in NFC, without control characters or lone
 * surrogates. A name is opaque; it is never a path.
 *
 * @throws SynclineError `invalid_name`
 */
export function assertDocumentName(name: string, nameBytesMax: number = defaultLimits.nameBytesMax): void {
  if (name === '') throw new SynclineError('invalid_name', 'The document name is empty')
  // three bytes of UTF-8 at most for each UTF-16 unit: the cheap check first
  if (name.length > nameBytesMax || utf8Length(name) > nameBytesMax) {
    throw new SynclineError('invalid_name', `The document name is longer than ${nameBytesMax} bytes`)
  }
  if (forbidden.test(name)) throw new SynclineError('invalid_name', 'The document name has a control character')
  if (hasLoneSurrogate(name)) throw new SynclineError('invalid_name', 'The document name has a lone surrogate')
  if (name.normalize('NFC') !== name) throw new SynclineError('invalid_name', 'The document name is not in NFC')
}

function utf8Length(text: string): number {
  let bytes = 0
  for (const character of text) {
    const point = character.codePointAt(0) as number
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4
  }
  return bytes
}

function hasLoneSurrogate(text: string): boolean {
  for (const character of text) {
    const point = character.codePointAt(0) as number
    if (point >= 0xd800 && point <= 0xdfff) return true
  }
  return false
}
