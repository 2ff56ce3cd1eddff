import type { Log } from '@syncline/protocol'
import { keepsNotes, type Note } from '../log/notes.js'
import { type Fact, factsOf } from './facts.js'

/** What a target was to be told and did not take for as long as it was tried: until somebody asks for it once more. */
export interface Aside {
  readonly document: string
  /** see `Target.id` and `Target.label` */
  readonly target: string
  readonly label: string
  readonly facts: readonly Fact[]
  readonly attempts: number
  /** why it was not taken last */
  readonly reason: string
  /** when it was set aside, in ms since 1970 */
  readonly time: number
}

/** What has been set aside, as people are told of it. */
export interface WebhookAside {
  readonly document: string
  readonly url: string
  readonly events: readonly string[]
  readonly attempts: number
  readonly reason: string
  /** in ISO 8601 */
  readonly since: string
}

/** Where it is kept: one for each target and document, the last one counts. */
export function asideNote({ document, target, ...rest }: Aside): Note {
  return { space: 'aside', key: asideKey(document, target), value: rest }
}

/** Takes it away. */
export function noAside({ document, target }: Pick<Aside, 'document' | 'target'>): Note {
  return { space: 'aside', key: asideKey(document, target), value: null }
}

/** All that a log keeps. */
export async function asidesIn(log: Log): Promise<Aside[]> {
  const asides: Aside[] = []
  if (!keepsNotes(log)) return asides
  for await (const { key, value } of log.notes('aside')) {
    const [document = '', target = ''] = key.split('\0')
    const { label, facts, attempts, reason, time } = value as Aside
    asides.push({ document, target, label, facts: factsOf(facts), attempts, reason, time })
  }
  return asides
}

/** Tells of one. */
export function describeAside({ document, label, facts, attempts, reason, time }: Aside): WebhookAside {
  const events = facts.map(({ type }) => `document.${type}`)
  return { document, url: label, events, attempts, reason, since: new Date(time).toISOString() }
}

function asideKey(document: string, target: string): string {
  return `${document}\0${target}`
}
