/** Something to be done when the turn of the event loop is over. It must not throw. */
export interface TurnEnd {
  endTurn(): void
}

let waiting: TurnEnd[] = []

/**
 * Calls back when what runs now has come to its end, in the order of the calls: one microtask for all, since a broadcast
 * asks for every socket of its room.
 */
export function atEndOfTurn(work: TurnEnd): void {
  if (waiting.push(work) === 1) queueMicrotask(endTurn)
}

function endTurn(): void {
  const ended = waiting
  waiting = []
  for (const work of ended) work.endTurn()
}
