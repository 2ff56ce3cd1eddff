import type { ErrorCode, SynclineError } from '@syncline/protocol'
import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { Overload } from '../limits/limiter.js'

/** An error as RFC 9457 has it, with our code, which is stable. */
export interface Problem {
  readonly type: 'about:blank'
  readonly title: string
  readonly status: number
  readonly code: ErrorCode
  readonly detail: string
}

const statuses: { readonly [code in ErrorCode]?: ContentfulStatusCode } = {
  invalid_request: 400,
  invalid_name: 400,
  invalid_option: 400,
  invalid_pointer: 400,
  malformed_json: 400,
  malformed_signal: 400,
  malformed_update: 400,
  malformed_awareness: 400,
  unauthorized: 401,
  token_expired: 401,
  forbidden: 403,
  revoked: 403,
  forbidden_origin: 403,
  read_only: 403,
  not_found: 404,
  no_document: 404,
  no_value: 404,
  no_session: 404,
  document_exists: 409,
  patch_failed: 409,
  incomplete_update: 409,
  document_deleted: 410,
  precondition_failed: 412,
  body_too_large: 413,
  update_too_large: 413,
  document_too_large: 413,
  unsupported_media_type: 415,
  wrong_type: 422,
  unstorable_value: 422,
  idempotency_conflict: 422,
  rate_limited: 429,
  authorization_unavailable: 503,
  not_loaded: 503,
  too_many_sessions: 503,
  document_busy: 503,
  disk_full: 507,
  storage_failed: 503,
  shutting_down: 503,
  closed: 503,
}

/** Any request may be answered so, for what is no fault of its own. */
export const commonProblems: readonly ErrorCode[] = [
  'unauthorized',
  'token_expired',
  'forbidden',
  'revoked',
  'forbidden_origin',
  'internal',
  'authorization_unavailable',
  'not_loaded',
  'shutting_down',
  'storage_failed',
]

const titles: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  410: 'Gone',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
  507: 'Insufficient Storage',
}

/** The HTTP status of a code; 500 for those that are no fault of a request. */
export function statusOf(code: ErrorCode): ContentfulStatusCode {
  return statuses[code] ?? 500
}

/** The answer to a request that was not carried out. */
export function problemResponse(context: Context, error: SynclineError): Response {
  const status = statusOf(error.code)
  const title = titles[status] ?? 'Error'
  const problem: Problem = { type: 'about:blank', title, status, code: error.code, detail: error.message }
  const headers: Record<string, string> = { 'Content-Type': 'application/problem+json', 'Cache-Control': 'no-store' }
  if (status === 401) headers['WWW-Authenticate'] = 'Bearer'
  if (status === 503) headers['Retry-After'] = '1'
  if (error instanceof Overload) headers['Retry-After'] = String(Math.ceil(error.retryMs / 1_000))
  return context.body(JSON.stringify(problem), status, headers)
}
