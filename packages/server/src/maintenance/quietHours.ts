/** Minutes of a day. */
const dayMinutes = 24 * 60
const minuteMs = 60_000

/** The hours in which few people work, by the clock of the machine: `02:00-05:00`, or `22:30-05:00` over midnight. */
export class QuietHours {
  readonly #from: number
  readonly #to: number

  private constructor(from: number, to: number) {
    this.#from = from
    this.#to = to
  }

  /** @returns null where the text says none */
  static parse(text: string): QuietHours | null {
    const [, fromHour, fromMinute, toHour, toMinute] =
      /^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)$/.exec(text) ?? []
    if (toMinute === undefined) return null
    const [from, to] = [60 * Number(fromHour) + Number(fromMinute), 60 * Number(toHour) + Number(toMinute)]
    return from === to ? null : new QuietHours(from, to)
  }

  /** @param now ms since 1970 */
  isAt(now: number): boolean {
    return this.#into(now) < this.#minutes
  }

  /** How long it is until they begin; 0 while they last. */
  msUntil(now: number): number {
    return this.isAt(now) ? 0 : (dayMinutes - this.#into(now)) * minuteMs - (now % minuteMs)
  }

  get #minutes(): number {
    return (this.#to - this.#from + dayMinutes) % dayMinutes
  }

  /** Minutes since they began last. */
  #into(now: number): number {
    const time = new Date(now)
    return (60 * time.getHours() + time.getMinutes() - this.#from + dayMinutes) % dayMinutes
  }
}
