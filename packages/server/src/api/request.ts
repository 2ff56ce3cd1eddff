import { assertDocumentName, SynclineError } from '@syncline/protocol'
import type { Context } from 'hono'
import type { z } from 'zod'
import { relayDocument } from '../auth/authorize.js'
import { assertStorable, type Json } from '../documents/values.js'
import type { ApiServices } from './services.js'

/**
 * The name of the document in a request's path.
 *
 * @throws SynclineError `invalid_name`
 */
export function documentNameOf({ context: { limits } }: ApiServices, context: Context): string {
  const raw = new URL(context.req.url).pathname.split('/documents/')[1]?.split('/')[0] ?? ''
  let name: string
  try {
    name = decodeURIComponent(raw)
  } catch {
    throw new SynclineError('invalid_name', 'The document name has a malformed percent escape')
  }
  assertDocumentName(name, limits.nameBytesMax)
  if (name === relayDocument) throw new SynclineError('invalid_name', `${relayDocument} stands for the relay itself`)
  return name
}

/**
 * What the query of a request says.
 *
 * @throws SynclineError `invalid_request`
 */
export function queryOf<Schema extends z.ZodType>(context: Context, schema: Schema): z.infer<Schema> {
  // browsers' EventSource takes no headers, so a token may be in the query
  const { token: _, ...query } = context.req.query()
  const parsed = schema.safeParse(query)
  if (parsed.success) return parsed.data
  throw invalid(parsed.error, 'The query')
}

/** The content type of a request's body, without its parameters; empty where there is none. */
export function contentTypeOf(context: Context): string {
  return (context.req.header('Content-Type') ?? '').split(';')[0]!.trim().toLowerCase()
}

/**
 * Checks that the body has one of these content types.
 *
 * @throws SynclineError `unsupported_media_type`
 */
export function assertContentType(context: Context, ...types: readonly string[]): void {
  const type = contentTypeOf(context)
  if (types.includes(type)) return
  throw new SynclineError('unsupported_media_type', `It is ${type || 'none'}; what is taken is ${types.join(' or ')}`)
}

/**
 * Reads a body, up to a bound, whether it tells its length or not.
 *
 * @throws SynclineError `body_too_large`
 */
export async function bytesOf(context: Context, bytesMax: number): Promise<Uint8Array> {
  const tooLarge = () => new SynclineError('body_too_large', `It may have ${bytesMax} bytes`)
  if (Number(context.req.header('Content-Length') ?? 0) > bytesMax) throw tooLarge()
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of context.req.raw.body ?? []) {
    bytes += chunk.length
    if (bytes > bytesMax) throw tooLarge()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/**
 * What a body says as JSON, of a form.
 *
 * @throws SynclineError `malformed_json`, `invalid_request`, `unstorable_value`
 */
export function parseJson<Schema extends z.ZodType>(body: Uint8Array, schema: Schema): z.infer<Schema> {
  const parsed = schema.safeParse(jsonOf(body))
  if (parsed.success) return parsed.data
  throw invalid(parsed.error, 'The body')
}

/**
 * What a body says as JSON, if it can be stored.
 *
 * @throws SynclineError `malformed_json`, `unstorable_value`
 */
export function jsonOf(body: Uint8Array): Json {
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch (error) {
    throw Object.assign(new SynclineError('malformed_json'), {
      message: `The body is no JSON: ${(error as Error).message.slice(0, 200)}`,
    })
  }
  assertStorable(json)
  return json
}

function invalid(error: z.ZodError, where: string): SynclineError {
  const facts = error.issues.slice(0, 3).map(({ path, message }) => {
    return path.length === 0 ? message : `${path.map(String).join('.').slice(0, 100)}: ${message}`
  })
  return new SynclineError('invalid_request', `${where} is not valid: ${facts.join('; ')}`)
}
