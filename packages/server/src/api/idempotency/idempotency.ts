import { createHash } from 'node:crypto'
import { SynclineError } from '@syncline/protocol'
import type { Context } from 'hono'
import * as Y from 'yjs'
import type { Clock } from '../../clock.js'
import type { LiveDocument } from '../../documents/liveDocument.js'
import type { DocumentPoint, Edit } from '../../documents/types.js'
import { withResolvers } from '../../documents/writer.js'
import type { EditMark, IdempotencyEntry, IdempotencyStore } from './store.js'

const keyLengthMax = 255
const clocksMax = 64

/** What an edit with a key came to. */
export interface KeyedResult {
  readonly point: DocumentPoint
  /** it was made by an earlier request with this key */
  readonly isRepeated: boolean
}

/** A request that may be sent again. */
export interface KeyedRequest {
  readonly key: string
  readonly hash: string
}

/**
 * The key of a request, which belongs to its subject, and what tells the request from another one.
 *
 * @returns null where it has none
 * @throws SynclineError `invalid_request`
 */
export function keyedRequestOf(context: Context, subject: string, body: Uint8Array): KeyedRequest | null {
  const key = context.req.header('Idempotency-Key')
  if (key === undefined) return null
  if (key === '' || key.length > keyLengthMax || !/^[\x20-\x7e]+$/.test(key)) {
    throw new SynclineError('invalid_request', `An Idempotency-Key has 1 to ${keyLengthMax} visible characters`)
  }
  const url = new URL(context.req.url)
  const parts = [context.req.method, url.pathname, url.search, context.req.header('Content-Type') ?? '']
  const hash = createHash('sha256').update(JSON.stringify(parts)).update(body).digest('base64url')
  return { key: JSON.stringify([subject, key]), hash }
}

/**
 * Makes each edit once, however often it is asked for within a day: the key is on disk before the edit is sent to the
 * log, with what tells it in the document. So after a crash, the document itself says whether it was made.
 */
export class Idempotency {
  readonly #store: IdempotencyStore
  readonly #clock: Clock
  readonly #running = new Map<string, { readonly hash: string; readonly result: Promise<DocumentPoint> }>()

  constructor(store: IdempotencyStore, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  /** @throws SynclineError `idempotency_conflict`, and what the edit throws */
  async write(document: LiveDocument, request: KeyedRequest, edit: Edit): Promise<KeyedResult> {
    const { key, hash } = request
    const running = this.#running.get(key)
    if (running) {
      if (running.hash !== hash) throw new SynclineError('idempotency_conflict')
      return { point: await running.result, isRepeated: true }
    }
    const entry = this.#store.find(key)
    if (entry && entry.hash !== hash) throw new SynclineError('idempotency_conflict')
    const { promise, resolve, reject } = withResolvers<DocumentPoint>()
    promise.catch(() => {})
    this.#running.set(key, { hash, result: promise })
    try {
      const made = entry && (await this.#madeBefore(document, entry))
      const point = made ?? (await this.#make(document, request, edit))
      resolve(point)
      return { point, isRepeated: Boolean(made) }
    } catch (error) {
      reject(error)
      throw error
    } finally {
      this.#running.delete(key)
    }
  }

  close(): Promise<void> {
    return this.#store.close()
  }

  /** The version that has the edit already; null where it was never made, or the log has lost it. */
  async #madeBefore(document: LiveDocument, { point, mark }: IdempotencyEntry): Promise<DocumentPoint | null> {
    return document.read((doc, now) => {
      if (point?.epoch === now.epoch) return point
      return mark && hasEdit(doc, mark) ? now : null
    })
  }

  async #make(document: LiveDocument, { key, hash }: KeyedRequest, edit: Edit): Promise<DocumentPoint> {
    const entry = { key, hash, time: this.#clock.now(), document: document.name }
    let mark: EditMark | null = null
    const before = (update: Uint8Array) => {
      mark = markOf(update)
      return this.#store.keep({ ...entry, mark, point: null }).catch((error: unknown) => {
        throw Object.assign(new SynclineError('storage_failed', 'The key could not be kept'), { cause: error })
      })
    }
    try {
      const point = await document.write({ ...edit, before })
      // where this line is lost, the mark tells
      await this.#store.keep({ ...entry, mark, point }).catch(() => {})
      return point
    } catch (error) {
      // of one whose commit is in doubt, the mark will tell
      if (!isInDoubt(error)) await this.#store.forget(key).catch(() => {})
      throw error
    }
  }
}

function isInDoubt(error: unknown): boolean {
  return error instanceof SynclineError && ['storage_failed', 'shutting_down', 'closed'].includes(error.code)
}

function markOf(update: Uint8Array): EditMark {
  const { structs, ds } = Y.decodeUpdate(update)
  const clocks = new Map<number, number>()
  for (const { id, length } of structs) clocks.set(id.client, Math.max(clocks.get(id.client) ?? 0, id.clock + length))
  const [client, ranges] = ds.clients.entries().next().value ?? []
  const deleted = client === undefined || !ranges?.[0] ? null : ([client, ranges[0].clock] as const)
  return { clocks: [...clocks].slice(0, clocksMax), deleted: clocks.size > 0 ? null : deleted }
}

function hasEdit({ store }: Y.Doc, { clocks, deleted }: EditMark): boolean {
  if (clocks.some(([client, end]) => Y.getState(store, client) < end)) return false
  if (deleted === null) return true
  const [client, clock] = deleted
  return Y.getState(store, client) > clock && Y.getItem(store, Y.createID(client, clock)).deleted
}
