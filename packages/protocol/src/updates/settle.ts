import type { Coverage } from './coverage.js'
import type { Run } from './encode.js'
import { StructCursor } from './struct.js'

/** Which structs of an update a log can take. */
export interface Settlement {
  /** what is new and lacks nothing, in the order of the input */
  readonly runs: readonly Run[]
  /** false where structs were left out */
  readonly complete: boolean
}

/** A struct that another one refers to. */
interface Reference {
  readonly client: number
  readonly clock: number
}

const cursor = new StructCursor('malformed_update')

/**
 * Finds which structs of an update a log can take: those whose predecessor, origins and parent are in the log, or can
 * be taken too. Sections may refer to each other any number of times; what refers to each other in a circle can't be
 * taken. Each struct is read a few times at most, whatever the references are.
 *
 * @param runs the runs of one checked update, in order
 */
export function settle(coverage: Coverage, runs: readonly Run[]): Settlement {
  const sections = new Map<number, Section>()
  for (const run of runs) {
    const section = sections.get(run.client)
    if (section === undefined) sections.set(run.client, new Section(run, coverage.clock(run.client)))
    else section.runs.push(run)
  }
  const clock = (client: number) => sections.get(client)?.clock ?? coverage.clock(client)
  for (const section of sections.values()) take(section, sections, clock)
  const all = [...sections.values()]
  return { runs: all.flatMap((section) => section.taken ?? []), complete: all.every((section) => !section.isBlocked) }
}

/** Takes a section as far as it goes, and before it, as far as they are needed, those that it refers to. */
function take(first: Section, sections: ReadonlyMap<number, Section>, clock: (client: number) => number): void {
  const waiting: Section[] = []
  const enter = (section: Section, needed: number) => {
    section.needed = needed
    section.isWaiting = true
    waiting.push(section)
  }
  if (first.canAdvance) enter(first, Number.POSITIVE_INFINITY)
  for (let section = waiting.at(-1); section !== undefined; section = waiting.at(-1)) {
    const missing = section.advance(clock)
    const other = missing === null ? undefined : sections.get(missing.client)
    if (missing === null) {
      section.isWaiting = false
      waiting.pop()
    } else if (other?.canAdvance) {
      enter(other, missing.clock)
    } else {
      // it will not come, so none that waits for the next, and that for the next, can ever go on
      for (const blocked of waiting.splice(0)) blocked.isBlocked = true
    }
  }
}

/** What an update brings of one client, and how far it was taken. */
class Section {
  readonly runs: Run[]
  /** up to where the log has the client's structs, or takes them */
  clock: number
  /** the clock past which it has to get, for one that waits for it */
  needed = 0
  /** it waits for another section */
  isWaiting = false
  /** it can't go on */
  isBlocked = false
  /** the index of the run that the next struct is in, where that starts, and its clock */
  #run = 0
  #at: number
  #next: number
  /** what was taken lies within one run, since a hole can't be passed: its start, its end and the structs so far */
  #first: Omit<Run, 'end' | 'to' | 'count'> | null = null
  #to = 0
  #count = 0

  constructor(run: Run, clock: number) {
    this.runs = [run]
    this.clock = clock
    this.#at = run.from
    this.#next = run.clock
  }

  get canAdvance(): boolean {
    return !this.isWaiting && !this.isBlocked && this.#current() !== undefined
  }

  /** What was taken, if anything. */
  get taken(): Run | null {
    return this.#first && { ...this.#first, end: this.clock, to: this.#to, count: this.#count }
  }

  /**
   * Takes structs up to the clock that is needed, or as far as it goes. Returns what is missing where it has to wait.
   *
   * @param clock up to where a client's structs are taken, or in the log
   */
  advance(clock: (client: number) => number): Reference | null {
    for (let run = this.#current(); run !== undefined; run = this.#current()) {
      // a hole after what is needed is no concern of the section that waits for it
      if (this.clock > this.needed) return null
      if (this.#next > this.clock) return { client: run.client, clock: this.#next - 1 }
      cursor.open(run.bytes, this.#at)
      while (this.#next < run.end) {
        if (this.clock > this.needed) return null
        const end = this.#next + cursor.struct(run.client, this.#next)
        if (end > this.clock) {
          const missing = this.#missing(run.client, clock)
          if (missing !== null) return missing
          this.#take(run, end)
        }
        this.#at = cursor.at
        this.#next = end
      }
    }
    return null
  }

  /** The run that the next struct is in, if any: runs that the log has are passed over. */
  #current(): Run | undefined {
    let run = this.runs[this.#run]
    while (run !== undefined && (run.end <= this.clock || this.#next === run.end)) {
      run = this.runs[++this.#run]
      if (run !== undefined) {
        this.#at = run.from
        this.#next = run.clock
      }
    }
    return run
  }

  /** What the struct read last refers to and is not there. Of one that is cut, the origin is the part cut off. */
  #missing(client: number, clock: (client: number) => number): Reference | null {
    if (this.#next >= this.clock) {
      if (isMissing(cursor.originClient, cursor.originClock, client, clock)) {
        return { client: cursor.originClient, clock: cursor.originClock }
      }
      if (isMissing(cursor.parentClient, cursor.parentClock, client, clock)) {
        return { client: cursor.parentClient, clock: cursor.parentClock }
      }
    }
    return isMissing(cursor.rightClient, cursor.rightClock, client, clock)
      ? { client: cursor.rightClient, clock: cursor.rightClock }
      : null
  }

  #take(run: Run, end: number): void {
    this.#first ??= { ...run, clock: this.clock, from: this.#at, cut: this.clock - this.#next }
    this.#to = cursor.at
    this.#count += 1
    this.clock = end
  }
}

/** Whether a struct of `client` lacks one of another client. Of its own, it has what comes before it. */
function isMissing(other: number, at: number, client: number, clock: (client: number) => number): boolean {
  return other >= 0 && other !== client && at >= clock(other)
}
