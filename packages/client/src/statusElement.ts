import type { DocumentStatus } from './types.js'

/** What a {@link SynclineStatus} shows: a document handle, or anything that tells and keeps telling. */
export interface StatusSource {
  readonly status: DocumentStatus
  /** calls back with each new status; the result stops it */
  on(event: 'status', listener: () => void): () => void
}

/** What a person is told about their changes. */
export interface StatusWords {
  readonly state: 'saved' | 'saving' | 'offline' | 'connecting' | 'refused'
  readonly text: string
}

const patienceMs = 1_000 // a connection that comes back sooner was no interruption
const calmMs = 500 // "Saving…" outlasts the gaps between two keys, so that the words don't flicker
const keepMsMax = 200 // the disk takes some milliseconds for a key; what it has not by then counts as not kept
const spokenMs = 3_000 // time for a screen reader to take it up
const minuteMs = 60_000

const saved: StatusWords = { state: 'saved', text: 'All changes saved' }
const saving: StatusWords = { state: 'saving', text: 'Saving…' }
const connecting: StatusWords = { state: 'connecting', text: 'Connecting…' }

/**
 * Puts a status into words. They say "saved" only where nothing is pending, and "on this device" only where it is so.
 *
 * @param patient true while the connection has been missing for a moment only
 */
export function describeStatus(status: DocumentStatus, patient: boolean): StatusWords {
  const { connection, pending } = status
  if (status.error?.code === 'document_deleted') return deleted(status)
  if (connection === 'refused' || connection === 'closed') return stopped(pending)
  if (connection !== 'online' && !patient) return offline(status)
  if (pending > 0) return saving
  if (connection !== 'online' || !status.synced) return connecting
  return status.refused > 0 ? setAside(status.refused) : saved
}

function offline({ pending, unkept }: DocumentStatus): StatusWords {
  const place = unkept === 0 ? 'on this device' : 'in this tab'
  const text = pending === 0 ? 'Offline: no unsaved changes' : `Offline: ${changes(pending)} kept ${place}`
  return { state: 'offline', text }
}

function setAside(refused: number): StatusWords {
  return { state: 'saved', text: `Saved, but for ${changes(refused)} that the relay refused` }
}

function deleted({ unkept }: DocumentStatus): StatusWords {
  const place = unkept === 0 ? 'kept on this device' : 'open in this tab only'
  return { state: 'refused', text: `Deleted elsewhere: ${place}` }
}

function stopped(pending: number): StatusWords {
  return { state: 'refused', text: pending === 0 ? 'Not connected' : `Not connected: ${changes(pending)} not saved` }
}

function changes(count: number): string {
  return count === 1 ? '1 change' : `${count} changes`
}

const relative = /* @__PURE__ */ new Intl.RelativeTimeFormat('en', { numeric: 'auto' })

/** How long ago the last sync was, in words; '' for less than a minute. */
export function describeAge(ageMs: number): string {
  const minutes = Math.floor(ageMs / minuteMs)
  if (minutes < 1) return ''
  if (minutes < 60) return `In sync ${relative.format(-minutes, 'minute')}`
  if (minutes < 24 * 60) return `In sync ${relative.format(-Math.floor(minutes / 60), 'hour')}`
  return `In sync ${relative.format(-Math.floor(minutes / 60 / 24), 'day')}`
}

// the relay is missing for every element of a page alike
let missingSince: number | null = null
/** when everything was in sync last, in ms since 1970 */
const syncedAt = new WeakMap<StatusSource, number>()

/** In this page, or in an earlier one: `null` where it never was. */
function lastSync(source: StatusSource): number | null {
  return syncedAt.get(source) ?? source.status.syncedAt
}

/** Node and server rendering have no elements; importing this must work there all the same. */
const Base = (globalThis.HTMLElement ?? class {}) as typeof HTMLElement

/**
 * `<syncline-status>`: a line that tells whether all is saved, and while offline how much waits and where. It has no
 * style of its own: `.syncline-status-line` inside it has `data-state` (of {@link StatusWords}) and `data-pending`.
 * What interrupts a person, and its end, is read out by screen readers; the rest they find where it stands.
 *
 * @example
 * ```ts
 * import '@syncline/client/element'
 * const line = document.createElement('syncline-status')
 * line.source = handle
 * document.body.append(line)
 * ```
 */
export class SynclineStatus extends Base {
  #source: StatusSource | null = null
  #parts: { line: HTMLElement; text: HTMLElement; age: HTMLElement; region: HTMLElement } | null = null
  #stop = () => {}
  #next = 0
  #calmUntil = 0
  #keptUntil: number | null = null
  #interrupted = false
  #silence = 0

  /** what is shown; the same until another one is set */
  get source(): StatusSource | null {
    return this.#source
  }

  set source(source: StatusSource | null) {
    this.#source = source
    if (this.isConnected) this.#start()
  }

  /** Called by the browser when the element comes onto a page. */
  connectedCallback(): void {
    this.#start()
  }

  /** Called by the browser when the element leaves its page. */
  disconnectedCallback(): void {
    this.#stop()
    this.#stop = () => {}
    clearTimeout(this.#next)
    clearTimeout(this.#silence)
  }

  #start(): void {
    this.disconnectedCallback()
    if (this.#source === null) return
    this.#stop = this.#source.on('status', () => this.#render())
    this.#render()
  }

  #render(): void {
    const source = this.#source
    if (source === null) return
    const { status } = source
    const now = performance.now()
    missingSince = status.connection === 'online' ? null : (missingSince ?? now)
    if (status.connection === 'online' && status.synced && status.saved) syncedAt.set(source, Date.now())
    const patient = missingSince !== null && now - missingSince < patienceMs
    const words = describeStatus(status, patient)
    if (words.state === 'saving') this.#calmUntil = now + calmMs
    const calming = words.state === 'saved' && now < this.#calmUntil
    const isBeingKept = words.state === 'offline' && status.storage === 'ok' && status.unkept > 0
    this.#keptUntil = isBeingKept ? (this.#keptUntil ?? now + keepMsMax) : null
    // until the disk has it, the line goes on telling what it has
    const waits = this.#keptUntil !== null && now < this.#keptUntil
    if (!waits) this.#show(calming ? saving : words, status.pending)
    const again = calming ? this.#calmUntil - now : waits ? keepMsMax : patient ? patienceMs : null
    this.#renderIn(again ?? (words.state === 'offline' ? minuteMs / 2 : null))
  }

  #renderIn(ms: number | null): void {
    clearTimeout(this.#next)
    if (ms !== null) this.#next = Number(setTimeout(() => this.#render(), ms))
  }

  #show(words: StatusWords, pending: number): void {
    const { line, text, age } = this.#build()
    if (line.dataset.state !== words.state) this.#announce(words)
    line.dataset.state = words.state
    line.dataset.pending = String(pending)
    setText(text, words.text)
    const since = words.state === 'offline' && this.#source ? lastSync(this.#source) : null
    setText(age, since === null ? '' : describeAge(Date.now() - since))
    age.hidden = age.textContent === ''
  }

  /** Saving and saved take turns with every pause in typing: what is told aloud is what interrupts them, and its end. */
  #announce({ state, text }: StatusWords): void {
    const { region } = this.#build()
    const interrupts = state === 'offline' || state === 'refused'
    if (!interrupts && !(this.#interrupted && state === 'saved')) return
    this.#interrupted = interrupts
    setText(region, text)
    clearTimeout(this.#silence)
    // who reads the page later finds the line itself, which goes on telling the truth
    this.#silence = Number(setTimeout(() => setText(region, ''), spokenMs))
  }

  #build() {
    if (this.#parts) return this.#parts
    const make = (name: string) => {
      const part = document.createElement('span')
      part.className = name
      return part
    }
    const line = make('syncline-status-line')
    const text = make('syncline-status-text')
    const age = make('syncline-status-age')
    const region = make('syncline-status-spoken')
    region.setAttribute('role', 'status')
    // read, not seen
    region.style.cssText =
      'position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap'
    line.append(make('syncline-status-dot'), text)
    this.replaceChildren(line, age, region)
    this.#parts = { line, text, age, region }
    return this.#parts
  }
}

/** Sets the text only where it differs, so that assistive technology is not told of what did not change. */
function setText(target: HTMLElement, text: string): void {
  if (target.textContent !== text) target.textContent = text
}

declare global {
  interface HTMLElementTagNameMap {
    'syncline-status': SynclineStatus
  }
}

if (typeof customElements !== 'undefined' && !customElements.get('syncline-status')) {
  customElements.define('syncline-status', SynclineStatus)
}
