import type { DocumentInspection, InspectedMessage, InspectedSecond } from './types.js'

const seconds = 60
const chartWidth = 600
const half = 22

/** What a panel shows in words, each under its name; empty words where there is nothing to show yet. */
export function factsOf(seen: DocumentInspection | null): Record<string, string> {
  const words = (tell: (seen: DocumentInspection) => string | number) => (seen === null ? '' : String(tell(seen)))
  return {
    Document: words(({ name }) => name),
    Size: words(({ document }) => bytes(document.bytes)),
    'Client ids': words(({ document }) => count(document.clients)),
    Structs: words(({ document }) => `${count(document.structs)}, ${count(document.deleted)} deleted`),
    Subdocuments: words(({ document }) => count(document.subdocuments)),
    'People here': words(({ people }) => count(people)),
    Connection: words(({ status }) => (status.synced ? `${status.connection}, synced` : status.connection)),
    Transport: words(({ connection: { transport, isElsewhere } }) =>
      transport === null ? 'none' : `${transport}${isElsewhere ? ', of another tab' : ''}`,
    ),
    'Round trip': words(({ connection: { roundTripMs } }) => (roundTripMs === null ? '–' : milliseconds(roundTripMs))),
    Pending: words(({ status }) => `${count(status.pending)}, ${count(status.unkept)} in memory alone`),
    Access: words(({ status }) => status.access),
    'Local copy': words(({ status: { storage } }) => (typeof storage === 'string' ? storage : storage.code)),
  }
}

/** Sent updates above the line, received ones below, a bar for each of the last 60 s; and the same in words. */
export function chartOf(updates: readonly InspectedSecond[], now: number): { shapes: string; label: string } {
  const most = Math.max(1, ...updates.flatMap(({ sent, received }) => [sent, received]))
  const width = chartWidth / seconds
  const shapes = updates.flatMap(({ time, sent, received }) => {
    const x = chartWidth - (Math.floor(now / 1_000) - time / 1_000 + 1) * width
    const bar = (height: number, y: number, name: string) =>
      height === 0 ? [] : [`<rect class="${name}" x="${x}" y="${y}" width="${width - 1}" height="${height}"/>`]
    const up = (sent / most) * half
    return [...bar(up, half - up, 'sent'), ...bar((received / most) * half, half, 'received')]
  })
  const sum = (of: 'sent' | 'received' | 'sentBytes' | 'receivedBytes') =>
    updates.reduce((total, second) => total + second[of], 0)
  const label =
    `Updates in the last minute: ${count(sum('sent'))} sent (${bytes(sum('sentBytes'))}), ` +
    `${count(sum('received'))} received (${bytes(sum('receivedBytes'))})`
  return { shapes: shapes.join(''), label }
}

/** The newest first. */
export function messageRows(messages: readonly InspectedMessage[]): HTMLElement[] {
  return messages.toReversed().map(({ time, direction, type, bytes: size, text }) => {
    const row = make('tr')
    const arrow = direction === 'sent' ? '↑' : '↓'
    row.append(
      make('td', new Date(time).toISOString().slice(11, 23), 'when'),
      make('td', `${arrow} ${type}`, direction),
      make('td', size === 0 ? '' : bytes(size)),
      make('td', text),
    )
    return row
  })
}

/** A number of bytes as people read it. */
export function bytes(amount: number): string {
  if (amount < 1_000) return `${amount} B`
  return amount < 1_000_000 ? `${(amount / 1_000).toFixed(1)} KB` : `${(amount / 1_000_000).toFixed(1)} MB`
}

/** Makes an element with text in it, which is never read as HTML. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  text = '',
  className = '',
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag)
  made.textContent = text
  if (className !== '') made.className = className
  return made
}

function count(amount: number): string {
  return amount.toLocaleString('en')
}

function milliseconds(amount: number): string {
  return amount < 10 ? `${amount.toFixed(1)} ms` : `${Math.round(amount)} ms`
}
