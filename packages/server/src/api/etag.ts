import { createHash } from 'node:crypto'
import { SynclineError } from '@syncline/protocol'
import type { Context } from 'hono'
import type { DocumentPoint } from '../documents/types.js'

/** The strong ETag of a version of a document, in one of its representations; equal ones have equal bytes. */
export function etagOf({ epoch, position }: DocumentPoint, representation = ''): string {
  if (representation === '') return `"${epoch}-${position}"`
  const short = createHash('sha256').update(representation).digest('base64url').slice(0, 10)
  return `"${epoch}-${position}-${short}"`
}

/** Whether `If-None-Match` has this ETag: then whoever asks has what would be sent. */
export function isKnown(context: Context, etag: string): boolean {
  const header = context.req.header('If-None-Match')
  if (header === undefined) return false
  // what compresses on the way makes a weak one of it
  return header.trim() === '*' || tagsOf(header).some((tag) => tag.replace(/^W\//, '') === etag)
}

/**
 * What an edit has to find, by `If-Match`: a version of the document, whatever its representation; undefined where the
 * request does not care.
 */
export function preconditionOf(context: Context): ((point: DocumentPoint) => void) | undefined {
  const header = context.req.header('If-Match')
  if (header === undefined || header.trim() === '*') return undefined
  const versions = tagsOf(header).map((tag) => /^"([0-9a-f]{16}-\d+)(-[\w-]+)?"$/.exec(tag)?.[1])
  return ({ epoch, position }) => {
    if (versions.includes(`${epoch}-${position}`)) return
    throw new SynclineError('precondition_failed', `It is at ${etagOf({ epoch, position })}`)
  }
}

function tagsOf(header: string): string[] {
  return header.split(',').map((tag) => tag.trim())
}
