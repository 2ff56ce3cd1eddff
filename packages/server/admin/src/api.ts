export type { OpenDocument, Overview } from '../../src/admin/overview.js'

const tokenKey = 'syncline-operator-token'

/** The relay said no, with a code. */
export class Refusal extends Error {
  readonly code: string
  readonly status: number

  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

/** A document as a list tells it. */
export interface StoredDocument {
  readonly name: string
  readonly position: number
  readonly bytes: number
  readonly createdAt: number | null
  readonly changedAt: number | null
}

/** Somebody who has a document open. */
export interface OpenSession {
  readonly id: number
  readonly subject: string
  readonly access: 'read' | 'write'
  readonly address: string
  readonly since: number
}

/** One commit of a document. */
export interface Change {
  readonly position: number
  readonly time: number
  readonly bytes: number
  readonly authors: readonly string[]
}

/** The token, for as long as this tab is open. */
export const token = {
  get: () => sessionStorage.getItem(tokenKey),
  set: (given: string) => sessionStorage.setItem(tokenKey, given),
  forget: () => sessionStorage.removeItem(tokenKey),
}

/** Sends a request below /api/v1 in the operator's name. */
export async function ask(path: string, method = 'GET', body?: unknown): Promise<Response> {
  const headers: Record<string, string> = {}
  const shown = token.get()
  if (shown !== null) headers.Authorization = `Bearer ${shown}`
  if (body !== undefined) headers['Content-Type'] = 'application/json'
  const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }
  const answer = await fetch(`/api/v1${path}`, init)
  if (answer.ok) return answer
  const { code = 'internal', detail = answer.statusText } = await answer.json().catch(() => ({}))
  throw new Refusal(answer.status, code, detail)
}

/** The JSON of an answer. */
export async function read<T>(path: string): Promise<T> {
  return (await ask(path)).json() as Promise<T>
}

/** The path of a document. */
export function pathOf(name: string): string {
  return `/documents/${encodeURIComponent(name)}`
}
