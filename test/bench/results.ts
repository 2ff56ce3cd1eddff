import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { type Spread, spreadOf } from './statistics.js'

/** What one round of a measure gave on one server or client: figures by metric, or why there are none. */
export type Round = { readonly figures: Readonly<Record<string, number>> } | { readonly failure: string }

/** What the rounds of a measure gave, by server or client, in the order in which they were run. */
export type Rounds = Readonly<Record<string, readonly Round[]>>

/** What a measure gave, and on what day. */
export interface Measured {
  readonly date: string
  readonly rounds: Rounds
}

/** What was measured on one machine, by the name of the measure. */
export interface Results {
  readonly machine: string
  /** a small durable write, when it was measured last */
  readonly syncMs: number
  /** where the paper of the last run came from */
  readonly paper: string
  readonly measures: Readonly<Record<string, Measured>>
}

/** Results that were written before, or none where they are of another machine. */
export function readResults(path: string, machine: string): Results['measures'] {
  if (existsSync(path)) {
    const results: Results = JSON.parse(readFileSync(path, 'utf8'))
    if (results.machine === machine) return results.measures
  }
  return {}
}

export function writeResults(path: string, results: Results): void {
  writeFileSync(path, `${JSON.stringify(results, null, 2)}\n`)
}

/** A server that once lost an update, or could not keep up, has no figure. */
export function failureOf(rounds: readonly Round[]): string | null {
  const failed = rounds.find((round) => 'failure' in round)
  return failed && 'failure' in failed ? failed.failure : null
}

/** The spread of a figure over the rounds. */
export function figureOf(rounds: readonly Round[], metric: string): Spread | null {
  return spreadOf(figuresIn(rounds, metric))
}

/** How many times the figure of `base` in the same round; null where that is nothing. */
export function ratioOf(rounds: readonly Round[], base: readonly Round[], metric: string): Spread | null {
  const ratios = rounds.flatMap((round, i) => {
    const [own, other] = [figureIn(round, metric), figureIn(base[i], metric)]
    return own === null || other === null || other === 0 ? [] : [own / other]
  })
  return spreadOf(ratios)
}

function figuresIn(rounds: readonly Round[], metric: string): number[] {
  return rounds.map((round) => figureIn(round, metric)).filter((value) => value !== null)
}

function figureIn(round: Round | undefined, metric: string): number | null {
  if (round === undefined || 'failure' in round) return null
  const value = round.figures[metric]
  return value === undefined || value === null || Number.isNaN(value) ? null : value
}
