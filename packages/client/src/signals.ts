import { defaultLimits, SynclineError } from '@syncline/protocol'
import type { SharedDocument } from './document.js'
import { Listeners } from './listeners.js'

/** What is said in passing in one document: what others say, and a way to say something. */
export interface DocumentSignals {
  readonly heard: Listeners<unknown>
  /** @returns false where it cannot be said now */
  say(payload: unknown): boolean
}

/** Who wants to know what is said in passing, document by document. */
export class Signals {
  readonly #listeners = new WeakMap<SharedDocument, Listeners<unknown>>()

  /** Those of one document. */
  of(document: SharedDocument): Listeners<unknown> {
    const listeners = this.#listeners.get(document) ?? new Listeners()
    this.#listeners.set(document, listeners)
    return listeners
  }

  heard(document: SharedDocument, payload: string): void {
    this.#listeners.get(document)?.emit(JSON.parse(payload))
  }
}

/** @throws SynclineError `malformed_signal` */
export function textOf(payload: unknown): string {
  let text: string | undefined
  try {
    text = JSON.stringify(payload)
  } catch {} // it goes round in circles, say
  if (text === undefined) throw new SynclineError('malformed_signal', 'It is no JSON')
  const { length } = new TextEncoder().encode(text)
  if (length > defaultLimits.signalBytesMax) throw new SynclineError('malformed_signal', `It has ${length} bytes`)
  return text
}
