import { SynclineError } from './errors.js'
import { defaultLimits } from './limits.js'

// C0, DEL and C1 controls, and the line separators that split log lines
const forbidden = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/
// by code points: two that belong together are one
const loneSurrogate = /\p{Surrogate}/u

/**
 * Checks a document name: 1 to `nameBytesMax` bytes of UTF-8, in NFC, without control characters or lone
 * surrogates. A name is opaque; it is never a path.
 *
 * @throws SynclineError `invalid_name`
 */
export function assertDocumentName(name: string, nameBytesMax: number = defaultLimits.nameBytesMax): void {
  const fault = faultOf(name, nameBytesMax)
  if (fault !== null) throw new SynclineError('invalid_name', `The document name ${fault}`)
}

function faultOf(name: string, nameBytesMax: number): string | null {
  if (name === '') return 'is empty'
  // three bytes of UTF-8 at most for each UTF-16 unit: the cheap check first
  if (name.length > nameBytesMax || utf8Length(name) > nameBytesMax) return `is longer than ${nameBytesMax} bytes`
  if (forbidden.test(name)) return 'has a control character'
  if (loneSurrogate.test(name)) return 'has a lone surrogate'
  return name.normalize('NFC') === name ? null : 'is not in NFC'
}

function utf8Length(text: string): number {
  let bytes = 0
  for (const character of text) {
    const point = character.codePointAt(0) as number
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4
  }
  return bytes
}
