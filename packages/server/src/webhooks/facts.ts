/** Something that is on disk, and that somebody is still to be told. */
export interface Fact {
  readonly type: 'deleted' | 'created' | 'changed'
  readonly epoch: string
  /** up to where it changed, when this was noted: it may have gone on */
  readonly position: number
  /** ms since 1970 */
  readonly time: number
}

const order = ['deleted', 'created', 'changed'] as const

/**
 * Facts with one more, in the order in which they are told. Of each type the last one counts: so there are three at most,
 * whatever happens while nobody can be told.
 */
export function withFact(facts: readonly Fact[], fact: Fact): readonly Fact[] {
  // what was before a deletion is of a document that is no more
  if (fact.type === 'deleted') return [fact]
  return [...facts.filter(({ type }) => type !== fact.type), fact].sort(
    (a, b) => order.indexOf(a.type) - order.indexOf(b.type),
  )
}

/** Facts that were read from a note; none where it is no list of them. */
export function factsOf(value: unknown): readonly Fact[] {
  return Array.isArray(value) ? value.filter(isFact) : []
}

function isFact(value: unknown): value is Fact {
  const { type, epoch, position, time } = (value ?? {}) as Partial<Record<keyof Fact, unknown>>
  return (
    order.includes(type as Fact['type']) &&
    typeof epoch === 'string' &&
    typeof position === 'number' &&
    typeof time === 'number'
  )
}
