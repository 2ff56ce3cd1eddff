import type { Attacker, Dialect, HocuspocusAttacker, NativeAttacker, YAttacker } from './attackers.js'

/** The rows of the threat table; SECURITY.md has the outcome of each. */
export const threats = [
  'cross-site WebSocket',
  'token in the URL',
  'tokens',
  'readers who write',
  'names',
  'oversized frames',
  'deflate, fragments and broken WebSocket frames',
  'slow handshake, silent socket',
  'slow reader',
  'step 1 amplification',
  'malformed updates',
  'poison',
  'pending flood',
  'delete-set bomb',
  'two contents under one id',
  'awareness spoof',
  'awareness flood',
  'deep nesting',
  '`__proto__` as a map key',
  'messages that are none',
  'messages out of place',
  'part bomb',
  'forged acknowledgements',
  'replays',
  'log injection',
  'connection and churn floods',
] as const

export type Threat = (typeof threats)[number]

/** How the relay answers. */
export type Outcome =
  /** nothing happens: the session is served as before */
  | 'served'
  /** asked for everything, once, and served from then on */
  | 'resync'
  /** the session ends with this code; the connection goes on where the wire protocol has many sessions on one */
  | { readonly ended: string }
  /** the connection ends with this code of WebSocket, and this one of ours in its reason, if any */
  | { readonly closed: number; readonly code?: string }

interface Case<D extends Dialect, A> {
  readonly threat: Threat
  readonly name: string
  /** default: all three */
  readonly by: D
  /** does it; it has joined before, unless `joins` is false */
  readonly attack: (attacker: A, bystander: { readonly clientID: number }) => void | Promise<void>
  readonly outcome: Outcome
  readonly joins?: false
  /** default: the one that the bystanders have open. Of another one the contents may change */
  readonly document?: string
}

/** One row: who sends what, and what comes of it. */
export type Abuse =
  | Case<'native', NativeAttacker>
  | Case<'y-websocket', YAttacker>
  | Case<'hocuspocus', HocuspocusAttacker>

type Shared = Omit<Case<Dialect, Attacker>, 'by' | 'outcome'> & {
  /** what differs by dialect is in {@link outcomeOf}, unless it is said here */
  readonly outcome: Outcome | ((dialect: Dialect) => Outcome)
}

/** The same payload by each of the wire protocols. */
export function byEach(row: Shared, by: readonly Dialect[] = ['native', 'y-websocket', 'hocuspocus']): Abuse[] {
  return by.map((dialect) => {
    const outcome = typeof row.outcome === 'function' ? row.outcome(dialect) : outcomeOf(row.outcome, dialect)
    return { ...row, by: dialect, outcome } as Abuse
  })
}

// y-websocket has no word for the end of a session but that of its connection
const yStatuses: Record<string, number> = { update_too_large: 4413, document_too_large: 4413, read_only: 4403 }

function outcomeOf(outcome: Outcome, dialect: Dialect): Outcome {
  if (dialect !== 'y-websocket' || typeof outcome !== 'object' || !('ended' in outcome)) return outcome
  return { closed: yStatuses[outcome.ended] ?? 4400, code: outcome.ended }
}
