const units = ['B', 'KB', 'MB', 'GB', 'TB']

/** Bytes, to three digits. */
export function bytesText(bytes: number): string {
  let amount = bytes
  let unit = 0
  while (amount >= 1_000 && unit < units.length - 1) {
    amount /= 1_000
    unit++
  }
  return `${unit === 0 ? Math.round(amount) : amount.toPrecision(3)} ${units[unit]}`
}

/** A count with its thousands apart. */
export function countText(count: number): string {
  return Math.round(count).toLocaleString('en')
}

/** A number of something each second. */
export function rateText(perSecond: number): string {
  return perSecond < 10 && perSecond > 0 ? perSecond.toFixed(1) : countText(perSecond)
}

/** Milliseconds, to what matters of them. */
export function msText(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return '–'
  if (ms >= 1_000) return `${(ms / 1_000).toFixed(1)} s`
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`
}

const steps: readonly [ms: number, unit: string][] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1_000, 's'],
]

/** How long something takes or has taken. */
export function durationText(ms: number): string {
  for (const [step, unit] of steps) if (ms >= step) return `${Math.floor(ms / step)} ${unit}`
  return '0 s'
}

/** How long ago something was. */
export function agoText(time: number | null | undefined, now: number): string {
  if (time === null || time === undefined) return '–'
  return now - time < 1_000 ? 'now' : `${durationText(now - time)} ago`
}

/** A time of this day, or a date. */
export function timeText(time: number): string {
  return new Date(time).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })
}
