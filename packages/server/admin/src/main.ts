import { ask, type Overview, Refusal, token } from './api.js'
import { DocumentDialog } from './document.js'
import { DocumentList } from './documents.js'
import { h, setText } from './dom.js'
import { durationText } from './format.js'
import { listen } from './live.js'
import { signIn } from './signIn.js'
import { Tables } from './tables.js'
import { ratesOf, Tiles } from './tiles.js'

const app = document.getElementById('app')!

/** Shows the relay where it lets this person in, and asks for a token where it does not. */
async function begin(reason = ''): Promise<void> {
  try {
    await ask('/relay')
    showRelay()
  } catch (error) {
    const isKnown = token.get() !== null
    token.forget()
    const why = error instanceof Refusal ? (isKnown ? error.message : '') : 'The relay does not answer'
    app.replaceChildren(signIn(reason || why, showRelay))
    document.getElementById('token')?.focus()
  }
}

function showRelay(): void {
  const tiles = new Tiles()
  const tables = new Tables()
  const state = h('span', { class: 'pill', role: 'status' }, 'connecting')
  const about = h('span', { class: 'muted small' })
  let latest: Overview | null = null
  let dialog: DocumentDialog | null = null

  const leave = (reason: string) => {
    stop()
    list.close()
    dialog?.element.close()
    token.forget()
    void begin(reason)
  }
  const failed = (error: unknown) => {
    if (error instanceof Refusal && (error.status === 401 || error.status === 403)) leave(error.message)
  }
  const readOnlyUntil = (name: string) => latest?.documents.find((each) => each.name === name)?.readOnlyUntil ?? null
  const open = (name: string) => {
    dialog = new DocumentDialog(name, readOnlyUntil(name), {
      changed: () => list.refresh(),
      closed: () => {
        dialog = null
      },
    })
    document.body.append(dialog.element)
    dialog.element.showModal()
  }
  const list = new DocumentList(open, failed)

  const stop = listen({
    overview(overview) {
      tiles.show(overview, ratesOf(overview, latest))
      latest = overview
      tables.show(overview)
      list.showLive(overview)
      dialog?.showReadOnly(readOnlyUntil(dialog.name))
      setText(about, `${overview.version} · up ${durationText(overview.uptimeMs)}`)
      showState(state, overview)
    },
    heard: (isHeard) => {
      if (isHeard) return latest === null ? undefined : showState(state, latest)
      setText(state, 'no connection')
      state.className = 'pill ochre'
    },
    refused: leave,
  })
  const signOut = h('button', { type: 'button', hidden: token.get() === null, click: () => leave('') }, 'Sign out')
  app.replaceChildren(
    h('header', { class: 'bar' }, h('h1', { class: 'brand' }, 'Syncline'), about, state, signOut),
    h(
      'main',
      { class: 'page' },
      tiles.element,
      list.element,
      h('div', { class: 'pair' }, tables.refusals.element, tables.storage.element),
      tables.settings.element,
    ),
  )
}

function showState(state: HTMLElement, { ready, readOnly }: Overview): void {
  setText(state, ready ? 'ready' : readOnly ? 'read-only: the disk is nearly full' : 'not ready')
  state.className = ready ? 'pill good' : 'pill red'
}

void begin()
