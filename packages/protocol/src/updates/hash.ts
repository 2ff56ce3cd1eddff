/**
 * A hash of bytes and a text: an integer of 53 bits. For telling content apart, not for keeping anybody out.
 */
export function hashBytes(bytes: Uint8Array, text = ''): number {
  let high = 0xdeadbeef
  let low = 0x41c6ce57
  const add = (value: number) => {
    high = Math.imul(high ^ value, 0x9e3779b1)
    low = Math.imul(low ^ value, 0x5f356495)
  }
  for (let i = 0; i < text.length; i++) add(text.charCodeAt(i))
  add(0x10000)
  for (let i = 0; i < bytes.length; i++) add(bytes[i]!)
  high = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ Math.imul(low ^ (low >>> 13), 0xc2b2ae35)
  low = Math.imul(low ^ (low >>> 16), 0x85ebca6b) ^ Math.imul(high ^ (high >>> 13), 0xc2b2ae35)
  return 2 ** 32 * (low & 0x1fffff) + (high >>> 0)
}
