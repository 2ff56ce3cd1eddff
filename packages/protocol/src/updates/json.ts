/**
 * Whether bytes that are valid UTF-8 are one JSON text: what `JSON.parse` takes, without building it, and with at most
 * `depthMax` arrays and objects within each other.
 */
export function isJson(bytes: Uint8Array, from: number, to: number, depthMax: number): boolean {
  const at = value(bytes, blank(bytes, from, to), to, depthMax)
  return at !== bad && blank(bytes, at, to) === to
}

// Each function below takes where its piece starts, and returns where it ends or `bad`. Reading at `to` is safe:
// what stands there, if anything, is either refused or found to lie beyond `to` by the caller.
const bad = -1

function value(bytes: Uint8Array, at: number, to: number, depth: number): number {
  if (at >= to) return bad
  switch (bytes[at]) {
    case 0x22: // "
      return string(bytes, at, to)
    case 0x7b: // {
      return depth === 0 ? bad : members(bytes, at + 1, to, depth - 1, 0x7d)
    case 0x5b: // [
      return depth === 0 ? bad : members(bytes, at + 1, to, depth - 1, 0x5d)
    case 0x74:
      return literal(bytes, at, to, words.true)
    case 0x66:
      return literal(bytes, at, to, words.false)
    case 0x6e:
      return literal(bytes, at, to, words.null)
    default:
      return number(bytes, at, to)
  }
}

/** The rest of an object or an array after its opening bracket. */
function members(bytes: Uint8Array, start: number, to: number, depth: number, closing: number): number {
  let at = blank(bytes, start, to)
  if (at < to && bytes[at] === closing) return at + 1
  for (;;) {
    if (closing === 0x7d) {
      if (at >= to || bytes[at] !== 0x22) return bad
      at = string(bytes, at, to)
      if (at === bad) return bad
      at = blank(bytes, at, to)
      if (at >= to || bytes[at] !== 0x3a) return bad
      at = blank(bytes, at + 1, to)
    }
    at = value(bytes, at, to, depth)
    if (at === bad) return bad
    at = blank(bytes, at, to)
    if (at >= to) return bad
    if (bytes[at] === closing) return at + 1
    if (bytes[at] !== 0x2c) return bad
    at = blank(bytes, at + 1, to)
  }
}

function string(bytes: Uint8Array, start: number, to: number): number {
  for (let at = start + 1; at < to; at++) {
    const byte = bytes[at]!
    if (byte === 0x22) return at + 1
    if (byte < 0x20) return bad
    if (byte === 0x5c) {
      at += 1
      if (at >= to) return bad
      if (bytes[at] === 0x75) {
        for (let digit = 1; digit <= 4; digit++) {
          if (at + digit >= to || !isHexDigit(bytes[at + digit]!)) return bad
        }
        at += 4
      } else if (!escapes.has(bytes[at]!)) {
        return bad
      }
    }
  }
  return bad
}

function number(bytes: Uint8Array, start: number, to: number): number {
  let at = start
  if (bytes[at] === 0x2d) at += 1
  const integer = at
  at = digits(bytes, at, to)
  if (at === bad || (at > integer + 1 && bytes[integer] === 0x30)) return bad
  if (at < to && bytes[at] === 0x2e) at = digits(bytes, at + 1, to)
  if (at === bad) return bad
  if (at < to && (bytes[at] === 0x65 || bytes[at] === 0x45)) {
    const sign = at + 1 < to && (bytes[at + 1] === 0x2b || bytes[at + 1] === 0x2d) ? 1 : 0
    at = digits(bytes, at + 1 + sign, to)
  }
  return at
}

/** One digit at least. */
function digits(bytes: Uint8Array, start: number, to: number): number {
  let at = start
  while (at < to && bytes[at]! >= 0x30 && bytes[at]! <= 0x39) at++
  return at === start ? bad : at
}

function literal(bytes: Uint8Array, at: number, to: number, word: readonly number[]): number {
  if (at + word.length > to) return bad
  return word.every((byte, i) => bytes[at + i] === byte) ? at + word.length : bad
}

function blank(bytes: Uint8Array, start: number, to: number): number {
  let at = start
  while (at < to) {
    const byte = bytes[at]!
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break
    at++
  }
  return at
}

function isHexDigit(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66)
}

const ascii = (word: string) => [...word].map((character) => character.charCodeAt(0))
const words = { true: ascii('true'), false: ascii('false'), null: ascii('null') }
const escapes = new Set(ascii('"\\/bfnrt'))
