import type { DocumentHandle } from '@syncline/client'
import { generateKeyBetween } from 'fractional-indexing'
import * as Y from 'yjs'
import { boardView, type Place } from './cards-view.js'
import type { Example } from './example.js'

const columns = ['To do', 'Doing', 'Done']

/** A board of cards in a Y.Map: moving one sets its place between two others, instead of deleting and inserting it. */
export function mount(handle: DocumentHandle, parent: HTMLElement): Example {
  const cards = handle.doc.getMap<Y.Map<unknown>>('cards')
  const undo = new Y.UndoManager(cards, { trackedOrigins: new Set([cards]) })
  const edit = (change: () => void) => handle.doc.transact(change, cards)
  const inColumn = (column: string) =>
    Array.from(cards, ([id, card]) => ({ id, text: String(card.get('text')), place: card.get('place') as Place }))
      .filter(({ place }) => place?.[0] === column)
      .sort((a, b) => (a.place[1] < b.place[1] || (a.place[1] === b.place[1] && a.id < b.id) ? -1 : 1))
  const placeAt = (column: string, index: number, moving?: string): Place => {
    const others = inColumn(column).filter(({ id }) => id !== moving)
    const before = others[index - 1]?.place[1] ?? null
    // two people may have chosen the same key
    const after = others.slice(index).find(({ place }) => before === null || place[1] > before)?.place[1] ?? null
    return [column, generateKeyBetween(before, after)]
  }
  const view = boardView(parent, columns, {
    add: (column, text) =>
      edit(() => {
        const place = placeAt(column, inColumn(column).length)
        cards.set(crypto.randomUUID(), new Y.Map<unknown>(Object.entries({ text, place })))
      }),
    move: (id, column, index) => edit(() => cards.get(id)?.set('place', placeAt(column, index, id))),
    rename: (id, text) => edit(() => cards.get(id)?.set('text', text)),
    remove: (id) => edit(() => cards.delete(id)),
  })
  const render = () => view.show(columns.map(inColumn))
  cards.observeDeep(render)
  render()
  return { undo: () => undo.undo(), redo: () => undo.redo(), destroy: () => cards.unobserveDeep(render) }
}
