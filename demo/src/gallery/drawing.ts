import type { DocumentHandle } from '@syncline/client'
import * as Y from 'yjs'
import { drawingView, type Point, type Stroke } from './drawing-view.js'
import type { Example } from './example.js'

/** A drawing: a stroke is a Y.Map with a Y.Array that grows while it is drawn. Where the pens are is awareness. */
export function mount(handle: DocumentHandle, parent: HTMLElement): Example {
  const { doc, awareness } = handle
  const strokes = doc.getArray<Y.Map<unknown>>('strokes')
  const undo = new Y.UndoManager(strokes, { trackedOrigins: new Set([strokes]), captureTimeout: 60_000 })
  let points = new Y.Array<number>()
  const edit = (change: () => void) => doc.transact(change, strokes)

  const view = drawingView(parent, {
    begin(point) {
      undo.stopCapturing() // each stroke is taken back by itself
      points = Y.Array.from([...point])
      const color: unknown = awareness.getLocalState()?.user.color
      edit(() => strokes.push([new Y.Map<unknown>(Object.entries({ color, points }))]))
    },
    go: (point) => edit(() => points.push([...point])),
    point: (pointer) => awareness.setLocalStateField('pointer', pointer),
  })
  const render = () =>
    view.draw(
      strokes.map((stroke): Stroke => {
        return { color: String(stroke.get('color')), points: (stroke.get('points') as Y.Array<number>).toArray() }
      }),
    )
  const renderPens = () => {
    const others = [...awareness.getStates()].filter(([client]) => client !== awareness.clientID)
    view.showPens(others.map(([client, { pointer, user }]) => ({ client, pointer: pointer as Point | null, user })))
  }
  strokes.observeDeep(render)
  awareness.on('change', renderPens)
  render()
  renderPens()
  return {
    undo: () => undo.undo(),
    redo: () => undo.redo(),
    destroy() {
      view.destroy()
      strokes.unobserveDeep(render)
      awareness.off('change', renderPens)
    },
  }
}
