import type { Overview } from './api.js'
import { h, Rows, setText } from './dom.js'
import { bytesText, countText, msText } from './format.js'

type Fact = readonly [name: string, value: string]

const meanings: Readonly<Record<string, string>> = {
  unauthorized: 'no token that counts',
  token_expired: 'a token that was over',
  forbidden: 'not granted',
  revoked: 'access that was taken away',
  rate_limited: 'over a rate',
  too_many_connections: 'over the connections of an address',
  too_many_sessions: 'over the sessions of a document',
  read_only: 'an edit by a reader',
  forbidden_origin: 'a page of another origin',
}

/** What was refused, what storage does, and what is in force. */
export class Tables {
  readonly refusals = new FactTable('Refusals', 'Nothing was refused.')
  readonly storage = new FactTable('Storage', '')
  readonly settings = new FactTable('Settings in force', '', true)

  show(overview: Overview): void {
    const { stats, commitMs, settings } = overview
    const refused = Object.entries(stats.refusedByCode).sort(([, a], [, b]) => b - a)
    this.refusals.show(
      refused.map(([code, count]) => [meanings[code] ? `${code}: ${meanings[code]}` : code, countText(count)]),
    )
    this.storage.show([
      ['Commits', countText(stats.commits)],
      ['A commit takes, half of them', msText(commitMs?.p50)],
      ['A commit takes, 99%', msText(commitMs?.p99)],
      ['Waits for the disk', bytesText(stats.backlogBytes)],
      ['Compactions', countText(stats.compactions)],
      ['Saved by compaction', bytesText(stats.compactionBytesSaved)],
      ['Compactions that failed', countText(stats.compactionFailures + stats.compactionMismatches)],
      ['Writes that failed', countText(stats.storageFaults ?? 0)],
      ['Replicas that differed', countText(stats.digestMismatches)],
    ])
    this.settings.show(Object.entries(settings))
  }
}

class FactTable {
  readonly element: HTMLElement
  readonly #rows = new Rows<Fact>(([name]) => name, factRow)
  readonly #empty: HTMLElement

  constructor(title: string, empty: string, isFolded = false) {
    this.#empty = h('p', { class: 'muted' }, empty)
    const table = h('table', { class: 'facts', 'aria-label': title }, this.#rows.body)
    this.element = isFolded
      ? h('details', { class: 'card' }, h('summary', {}, h('h2', {}, title)), table)
      : h('section', { class: 'card' }, h('h2', {}, title), this.#empty, table)
  }

  show(facts: readonly Fact[]): void {
    this.#rows.show(facts)
    this.#empty.hidden = facts.length > 0
  }
}

function factRow(name: string) {
  const value = h('td')
  return {
    element: h('tr', {}, h('th', { scope: 'row' }, name), value),
    show: ([, text]: Fact) => setText(value, text),
  }
}
