import type { DocumentStatus } from '@syncline/client'
import { element, setText } from './dom.js'

/** What a person is told about their changes. */
export interface Words {
  readonly state: 'saved' | 'saving' | 'offline' | 'connecting' | 'refused'
  readonly text: string
}

const patienceMs = 1_000 // a connection that comes back sooner was no interruption
const calmMs = 500 // "Saving…" outlasts the gaps between two keys, so that the words don't flicker
const keepMsMax = 200 // the disk takes some milliseconds for a key; what it has not by then counts as not kept
const spokenMs = 3_000 // time for a screen reader to take it up

// the relay is missing for every page of this tab alike
let missingSince: number | null = null

const saved: Words = { state: 'saved', text: 'All changes saved' }
const saving: Words = { state: 'saving', text: 'Saving…' }
const connecting: Words = { state: 'connecting', text: 'Connecting…' }

/**
 * Puts a status into words. They say "saved" only where nothing is pending, and "on this device" only where it is so.
 *
 * @param status of the document
 * @param patient true while the connection has been missing for a moment only
 */
export function describe(status: DocumentStatus, patient: boolean): Words {
  const { connection, pending } = status
  if (connection === 'refused' || connection === 'closed') return stopped(pending)
  if (connection !== 'online' && !patient) return offline(status)
  if (pending > 0) return saving
  return connection === 'online' && status.synced ? saved : connecting
}

function offline({ pending, unkept }: DocumentStatus): Words {
  const place = unkept === 0 ? 'on this device' : 'in this tab'
  const text = pending === 0 ? 'Offline: no unsaved changes' : `Offline: ${changes(pending)} kept ${place}`
  return { state: 'offline', text }
}

function stopped(pending: number): Words {
  return { state: 'refused', text: pending === 0 ? 'Not connected' : `Not connected: ${changes(pending)} not saved` }
}

function changes(count: number): string {
  return count === 1 ? '1 change' : `${count} changes`
}

/**
 * The line that tells whether all is saved.
 *
 * @param read gives the status
 * @param subscribe calls back with each change, and stops by its result
 */
export function statusLine(
  read: () => DocumentStatus,
  subscribe: (changed: () => void) => () => void,
  leave: AbortSignal,
): HTMLElement {
  const text = element('span')
  const { region, announce } = announcer()
  const line = element('div', { class: 'status', 'data-testid': 'status' }, element('span', { class: 'dot' }), text)
  let calmUntil = 0
  let keptUntil: number | null = null
  let next = 0

  const render = () => {
    const now = performance.now()
    const status = read()
    missingSince = status.connection === 'online' ? null : (missingSince ?? now)
    const patient = missingSince !== null && now - missingSince < patienceMs
    const words = describe(status, patient)
    if (words.state === 'saving') calmUntil = now + calmMs
    const calming = words.state === 'saved' && now < calmUntil
    const isBeingKept = words.state === 'offline' && status.storage === 'ok' && status.unkept > 0
    keptUntil = isBeingKept ? (keptUntil ?? now + keepMsMax) : null
    // until the disk has it, the line goes on telling what it has
    const waits = keptUntil !== null && now < keptUntil
    if (!waits) show(calming ? saving : words, status.pending)
    clearTimeout(next)
    const again = calming ? calmUntil - now : waits ? keepMsMax : patient ? patienceMs : null
    if (again !== null) next = setTimeout(render, again)
  }

  const show = (words: Words, pending: number) => {
    if (line.dataset.state !== words.state) announce(words)
    line.dataset.state = words.state
    line.dataset.pending = String(pending)
    setText(text, words.text)
  }

  const stop = subscribe(render)
  leave.addEventListener('abort', () => {
    stop()
    clearTimeout(next)
  })
  render()
  return element('div', { class: 'status-line' }, line, region)
}

/** Saving and saved take turns with every pause in typing: what is told aloud is what interrupts them, and its end. */
function announcer(): { region: HTMLElement; announce: (words: Words) => void } {
  const region = element('span', { class: 'unseen', role: 'status' })
  let interrupted = false
  let silence = 0
  const announce = ({ state, text }: Words) => {
    const interrupts = state === 'offline' || state === 'refused'
    if (!interrupts && !(interrupted && state === 'saved')) return
    interrupted = interrupts
    setText(region, text)
    clearTimeout(silence)
    // who reads the page later finds the line itself, which goes on telling the truth
    silence = setTimeout(() => setText(region, ''), spokenMs)
  }
  return { region, announce }
}
