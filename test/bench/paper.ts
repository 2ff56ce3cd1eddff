import * as Y from 'yjs'
import { applyEdit, loadSequentialTrace } from '../support/traces.js'
import { textName } from './updates.js'

/** A paper as it was typed, key by key. */
export interface Paper {
  readonly updates: readonly Uint8Array[]
  readonly doc: Y.Doc
}

const name = 'automerge-paper'

let typed: Paper | null = null

/** Where the recording comes from. */
export function paperOrigin(): string {
  return loadSequentialTrace(name).origin
}

/** Typing it takes seconds, so it is done once. */
export function paper(): Paper {
  typed ??= type()
  return typed
}

function type(): Paper {
  const { edits } = loadSequentialTrace(name)
  const doc = new Y.Doc()
  doc.clientID = 1
  const updates: Uint8Array[] = []
  doc.on('update', (update) => updates.push(update))
  const text = doc.getText(textName)
  for (const edit of edits) applyEdit(text, edit)
  return { updates, doc }
}

/** All that deletes of a document: what a client without new edits answers, where it is asked for what is missing. */
export function deletionsOf(doc: Y.Doc): Uint8Array {
  return Y.encodeStateAsUpdate(doc, Y.encodeStateVector(doc))
}
