import type { Connection, DocumentHandle } from '../types.js'
import { chartOf, factsOf, make, messageRows } from './panelParts.js'
import { panelStyle } from './panelStyle.js'
import { fullSpeed, type Slowness, type Throttle } from './throttle.js'

const refreshMs = 500
/** a large document costs more to look at: no more than this share of the time */
const shareMax = 0.05

const networks: readonly { readonly label: string; readonly slowness: Slowness }[] = [
  { label: 'Full speed', slowness: fullSpeed },
  { label: 'Slow: 200 ms, 100 KB/s', slowness: { latencyMs: 200, bytesPerSecond: 100_000 } },
  { label: 'Very slow: 1 s, 10 KB/s', slowness: { latencyMs: 1_000, bytesPerSecond: 10_000 } },
]

/** Node and server rendering have no elements; importing this must work there all the same. */
const Base = (globalThis.HTMLElement ?? class {}) as typeof HTMLElement

/**
 * `<syncline-devtools>`: a panel about one document, for development. It records from the moment that it is on the page with a
 * `handle`. With a `connection` it has an offline switch, with a `throttle` a choice of networks.
 *
 * @example
 * ```ts
 * import '@syncline/client/devtools'
 * import { Throttle } from '@syncline/client/throttle'
 * const throttle = new Throttle()
 * const connection = connect(url, { webSocket: throttle.webSocket })
 * const panel = document.createElement('syncline-devtools')
 * Object.assign(panel, { handle: connection.open('notes'), connection, throttle })
 * document.body.append(panel)
 * ```
 */
export class SynclineDevtools extends Base {
  #handle: DocumentHandle | null = null
  #connection: Connection | null = null
  #throttle: Throttle | null = null
  #parts: ReturnType<typeof build> | null = null
  #stops: (() => void)[] = []
  #timer = 0
  #shownMessage: unknown = null

  /** the document that is shown */
  get handle(): DocumentHandle | null {
    return this.#handle
  }

  set handle(handle: DocumentHandle | null) {
    this.#handle = handle
    this.#restart()
  }

  /** the one that the offline switch is for */
  get connection(): Connection | null {
    return this.#connection
  }

  set connection(connection: Connection | null) {
    this.#connection = connection
    this.#restart()
  }

  /** the one that made the sockets of the connection */
  get throttle(): Throttle | null {
    return this.#throttle
  }

  set throttle(throttle: Throttle | null) {
    this.#throttle = throttle
    this.#restart()
  }

  /** Called by the browser when the element comes onto a page. */
  connectedCallback(): void {
    this.#restart()
  }

  /** Called by the browser when the element leaves its page. */
  disconnectedCallback(): void {
    clearTimeout(this.#timer)
    for (const stop of this.#stops) stop()
    this.#stops = []
  }

  #restart(): void {
    this.disconnectedCallback()
    if (!this.isConnected || this.#handle === null) return
    this.#parts ??= this.#build()
    const now = () => this.#showControls()
    this.#stops = [this.#connection?.on('state', now), this.#throttle?.on('slowness', now)].filter(
      (stop) => stop !== undefined,
    )
    this.#refresh()
  }

  #build() {
    const parts = build()
    parts.offline.addEventListener('click', () => {
      if (isOffline(parts.offline)) this.#connection?.goOnline()
      else this.#connection?.goOffline()
      parts.offline.ariaPressed = String(!isOffline(parts.offline))
    })
    parts.network.addEventListener('change', () => {
      if (this.#throttle) this.#throttle.slowness = networks[parts.network.selectedIndex]!.slowness
    })
    const root = this.attachShadow({ mode: 'open' })
    root.append(make('style', panelStyle), parts.section)
    return parts
  }

  #refresh(): void {
    const began = performance.now()
    if (!document.hidden) this.#show()
    const costMs = performance.now() - began
    this.#timer = Number(setTimeout(() => this.#refresh(), Math.max(refreshMs, costMs / shareMax)))
  }

  #show(): void {
    const seen = this.#handle!.inspect()
    const { facts, chart, caption, rows } = this.#parts!
    for (const [name, value] of Object.entries(factsOf(seen))) {
      const place = facts.get(name)!
      if (place.textContent !== value) place.textContent = value
    }
    const { shapes, label } = chartOf(seen.updates, Date.now())
    chart.innerHTML = shapes
    if (caption.textContent !== label) caption.textContent = label
    // who reads or selects in it is not disturbed while nothing new is there
    if (seen.messages.at(-1) !== this.#shownMessage) rows.replaceChildren(...messageRows(seen.messages))
    this.#shownMessage = seen.messages.at(-1)
    this.#showControls(seen.connection.isElsewhere)
  }

  #showControls(isElsewhere = false): void {
    const { offline, network, networkLabel, hint } = this.#parts!
    offline.hidden = this.#connection === null
    if (this.#connection?.state === 'online') offline.ariaPressed = 'false'
    networkLabel.hidden = this.#throttle === null
    hint.hidden = this.#throttle === null || !isElsewhere
    const chosen = networks.findIndex(({ slowness }) => sameSlowness(slowness, this.#throttle?.slowness))
    if (network.selectedIndex !== chosen) network.selectedIndex = chosen
  }
}

function isOffline(button: HTMLButtonElement): boolean {
  return button.ariaPressed === 'true'
}

function sameSlowness(a: Slowness, b: Slowness | undefined): boolean {
  return a.latencyMs === b?.latencyMs && a.bytesPerSecond === b.bytesPerSecond
}

function build() {
  const offline = make('button', 'Offline')
  offline.type = 'button'
  offline.ariaPressed = 'false'
  const network = make('select')
  network.append(...networks.map(({ label }) => make('option', label)))
  const networkLabel = make('label', 'Network ')
  networkLabel.append(network)
  const controls = make('div', '', 'controls')
  controls.append(make('h2', 'Syncline'), networkLabel, offline)
  const hint = make('p', 'Another tab has the socket: choose the network there.', 'hint')

  const list = make('dl', '', 'facts')
  const facts = new Map(Object.keys(factsOf(null)).map((name) => [name, make('dd')]))
  for (const [name, place] of facts) {
    const fact = make('div')
    fact.append(make('dt', name), place)
    list.append(fact)
  }
  const chart = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
  chart.setAttribute('aria-hidden', 'true') // the caption says it
  chart.setAttribute('viewBox', '0 0 600 44')
  chart.setAttribute('preserveAspectRatio', 'none')

  const caption = make('figcaption', '', 'hint')
  const figure = make('figure')
  figure.append(caption, chart)

  const table = make('table')
  const head = make('tr')
  for (const [name, style] of [['Time', 'when'], ['Message'], ['Size'], ['']] as const) {
    const cell = make('th', name, style)
    cell.scope = 'col'
    head.append(cell)
  }
  const rows = make('tbody')
  const top = make('thead')
  top.append(head)
  table.append(top, rows)
  const messages = make('div', '', 'messages')
  // what scrolls has to be reached by the keyboard
  Object.assign(messages, { tabIndex: 0, role: 'region', ariaLabel: 'Last messages' })
  messages.append(table)

  const section = make('section')
  section.ariaLabel = 'Syncline devtools'
  section.append(controls, hint, list, figure, messages)
  return { section, offline, network, networkLabel, hint, facts, chart, caption, rows }
}

declare global {
  interface HTMLElementTagNameMap {
    'syncline-devtools': SynclineDevtools
  }
}

if (typeof customElements !== 'undefined' && !customElements.get('syncline-devtools')) {
  customElements.define('syncline-devtools', SynclineDevtools)
}
