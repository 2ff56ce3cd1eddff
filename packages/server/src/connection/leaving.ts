// When they come back is spread over a time that grows with their number, and our client doubles it by chance: the
// relay that comes next has a few hundred to let in each second, not all of them at once.
const leavingMsMin = 500
const leavingMsEach = 1
const leavingSpreadMsMin = 1_000
const leavingSpreadMsMax = 15_000

/** When the connection at this place of so many shall come back, in ms. */
export function leavingMs(place: number, count: number): number {
  const spreadMs = Math.min(Math.max(count * leavingMsEach, leavingSpreadMsMin), leavingSpreadMsMax)
  return Math.round(leavingMsMin + (place / count) * spreadMs)
}
