import type { ErrorCode } from '@syncline/protocol'
import type { Context } from 'hono'
import type { z } from 'zod'
import type { ApiServices } from './services.js'

/** The form of a body by its content type; null for bytes and text, which have none. */
export type Bodies = Readonly<Record<string, z.ZodType | null>>

/** One request that is answered: what is served, and what OpenAPI tells of it. */
export interface Route {
  readonly method: 'get' | 'head' | 'put' | 'post' | 'patch' | 'delete'
  /** below /api/v1, with names in braces */
  readonly path: string
  readonly id: string
  readonly tag: 'Documents' | 'Reading' | 'Writing' | 'Live' | 'Awareness' | 'Sessions' | 'Operating' | 'Webhooks'
  readonly summary: string
  readonly description?: string
  readonly query: z.ZodObject
  /** headers that it takes */
  readonly headers?: readonly (keyof typeof requestHeaders)[]
  readonly body?: { readonly isRequired: boolean; readonly content: Bodies }
  readonly answers: Readonly<Record<number, Answer>>
  /** codes of the problems that are its own */
  readonly problems: readonly ErrorCode[]
  readonly handle: (services: ApiServices, context: Context) => Promise<Response>
}

/** One way in which a request is answered. */
export interface Answer {
  readonly description: string
  readonly content?: Bodies
  readonly hasEtag?: boolean
}

/** Headers of requests, and what they are for. */
export const requestHeaders = {
  'If-None-Match': 'ETags of what is there already: 304 where it is still that',
  'If-Match': 'ETags of the versions that may be edited: 412 where it is another one',
  'Idempotency-Key': 'The same edit with the same key is made once within a day',
  'Last-Event-ID': 'Where the last stream ended',
} as const
