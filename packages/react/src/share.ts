/**
 * Structural sharing: `next`, with every part that equals its counterpart in `previous` replaced by that. Where all is
 * equal, it is `previous` itself. Looks into plain objects and arrays; anything else is equal only to itself.
 */
export function share<T>(previous: unknown, next: T): T {
  if (Object.is(previous, next)) return next
  if (Array.isArray(previous) && Array.isArray(next)) return shareArray(previous, next) as T
  if (isPlain(previous) && isPlain(next)) return shareObject(previous, next) as T
  return next
}

function shareArray(previous: readonly unknown[], next: readonly unknown[]): readonly unknown[] {
  const shared = next.map((item, index) => share(previous[index], item))
  const isSame = previous.length === next.length && shared.every((item, index) => Object.is(item, previous[index]))
  return isSame ? previous : shared
}

type Plain = Readonly<Record<string, unknown>>

function shareObject(previous: Plain, next: Plain): Plain {
  const keys = Object.keys(next)
  const shared = Object.fromEntries(keys.map((key) => [key, share(previous[key], next[key])]))
  const isSame =
    Object.keys(previous).length === keys.length &&
    keys.every((key) => Object.hasOwn(previous, key) && Object.is(shared[key], previous[key]))
  return isSame ? previous : shared
}

function isPlain(value: unknown): value is Plain {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
