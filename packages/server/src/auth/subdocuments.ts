import { parentOf, SynclineError } from '@syncline/protocol'
import type { Authorize, Grant, GrantRequest } from './authorize.js'

/** Whose grants count for a subdocument: its parent's as well, or its own alone. */
export type SubdocumentAccess = 'parent' | 'own'

/** How many parents are asked for one name: each may be a question to a backend. */
const parentsMax = 4

/** The documents whose grants are a subdocument's too: its parent, the parent's parent, …, the nearest first. */
export function parentsOf(document: string): string[] {
  const parents: string[] = []
  for (let at = parentOf(document); at !== null && parents.length < parentsMax; at = parentOf(at)) parents.push(at)
  return parents
}

/**
 * Asks for each document itself and, where that may not be written, for the documents that its name makes it a subdocument
 * of: the most that any of them allows counts. Who may do nothing at all is told so in the words for the document itself.
 */
export function withParents(authorize: Authorize): Authorize {
  const decide = async (request: GrantRequest): Promise<Grant> => {
    let best = await unlessKeptOut(authorize, request)
    for (const document of parentsOf(request.document)) {
      if (isWriting(best)) break
      const found = await unlessKeptOut(authorize, { ...request, document })
      if (best instanceof SynclineError || isWriting(found)) best = found instanceof SynclineError ? best : found
    }
    if (best instanceof SynclineError) throw best
    return best
  }
  return Object.assign(decide, authorize.revoked ? { revoked: authorize.revoked } : {})
}

/** A grant, or why there is none for this document, though there may be one for another. */
async function unlessKeptOut(authorize: Authorize, request: GrantRequest): Promise<Grant | SynclineError> {
  try {
    return await authorize(request)
  } catch (error) {
    // whoever shows no token may be let in where everybody may read
    const isStranger = request.token === null && error instanceof SynclineError && error.code === 'unauthorized'
    if (isStranger || (error instanceof SynclineError && error.code === 'forbidden')) return error
    throw error
  }
}

function isWriting(answer: Grant | SynclineError): boolean {
  return !(answer instanceof SynclineError) && answer.access === 'write'
}
