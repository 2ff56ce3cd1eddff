import { connect } from '@syncline/client'
import { type Overview, token } from './api.js'

interface Piece {
  readonly clock: number
  readonly piece: number
  readonly pieces: number
  readonly text: string
}

/** What the relay tells once a second, over its own protocol; and whether it can be heard. */
export interface LiveHandlers {
  overview(overview: Overview): void
  heard(isHeard: boolean): void
  /** the relay has ended it for good */
  refused(reason: string): void
}

/** Listens to the relay, until the result is called. */
export function listen({ overview, heard, refused }: LiveHandlers): () => void {
  const shown = token.get()
  const connection = connect(location.origin, {
    tabs: false,
    ...(shown === null ? {} : { token: async () => shown }),
  })
  const relay = connection.open('$relay')
  relay.awareness.setLocalState(null)
  let clock = 0
  relay.awareness.on('change', () => {
    const told = toldIn([...relay.awareness.getStates().values()] as Partial<Piece>[])
    if (told === null || told.clock === clock) return
    clock = told.clock
    overview(told.overview)
  })
  relay.on('status', ({ connection: state, error }) => {
    heard(state === 'online')
    if (error) refused(error.reason)
  })
  return () => void connection.close()
}

/** What the pieces come to, once all of them are here. */
function toldIn(states: readonly Partial<Piece>[]): { readonly clock: number; readonly overview: Overview } | null {
  const pieces = states.filter((state): state is Piece => typeof state.text === 'string')
  const clock = Math.max(...pieces.map((piece) => piece.clock))
  const current = pieces.filter((piece) => piece.clock === clock).sort((a, b) => a.piece - b.piece)
  if (current.length === 0 || current.length !== current[0]!.pieces) return null
  const bytes = Uint8Array.from(atob(current.map(({ text }) => text).join('')), (each) => each.charCodeAt(0))
  return { clock, overview: JSON.parse(new TextDecoder().decode(bytes)) }
}
