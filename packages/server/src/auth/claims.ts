import type { Access } from '@syncline/protocol'
import { z } from 'zod'
import { matchesPattern } from '../names.js'
import { relayDocument } from './authorize.js'

const access = z.enum(['read', 'write'])
const documents = z.union([z.record(z.string(), access), z.array(z.object({ name: z.string(), access }))])

/**
 * What a token allows on a document: operators may read every document, and write where the claim `documents` says so.
 * Nothing but `true` makes an operator.
 *
 * @returns null where it allows nothing
 */
export function claimedAccess(
  claims: Readonly<Record<string, unknown>>,
  document: string,
): { access: Access; admin: boolean } | null {
  const admin = claims.admin === true
  if (document === relayDocument) return admin ? { access: 'read', admin } : null
  const access = accessIn(claims.documents, document) ?? (admin ? 'read' : null)
  return access === null ? null : { access, admin }
}

/**
 * What a token's claim `documents` allows on one of them: the most that any of its entries does. Entries are names, or
 * patterns in which `*` stands for any characters.
 *
 * @param claim `{ "notes/*": "write" }`, or as a list `[{ "name": "notes/*", "access": "write" }]`
 * @returns null where it allows nothing, or is something else
 */
export function accessIn(claim: unknown, document: string): Access | null {
  const parsed = documents.safeParse(claim)
  if (!parsed.success) return null
  const entries = Array.isArray(parsed.data)
    ? parsed.data
    : Object.entries(parsed.data).map(([name, access]) => ({ name, access }))
  const allowed = entries.filter(({ name }) => matchesPattern(name, document)).map(({ access }) => access)
  if (allowed.includes('write')) return 'write'
  return allowed.length > 0 ? 'read' : null
}
