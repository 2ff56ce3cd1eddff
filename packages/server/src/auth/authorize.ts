import type { IncomingHttpHeaders } from 'node:http'
import type { Access } from '@syncline/protocol'

/** What is known of who connected: parts of the HTTP request, which itself would cost 2 KB for each connection. */
export interface Visitor {
  /** the request's target, its query included: a token may be in there */
  readonly url: string
  readonly headers: IncomingHttpHeaders
  /** empty where it is not known; of a proxy, where none is trusted: see `RelayOptions.trustProxy` */
  readonly address: string
}

/** What a connection shows to be let in. */
export interface Credentials {
  /** the last one that the client gave, or null */
  readonly token: string | null
  readonly visitor: Visitor
}

/** The name that stands for the relay itself: whoever is granted it, as an operator, may operate the relay. */
export const relayDocument = '$relay'

/** Who asks for which document; operators ask for {@link relayDocument}. */
export interface GrantRequest extends Credentials {
  readonly document: string
}

/** What a session may do, and in whose name. */
export interface Grant {
  /** who it is: kept in the log as the author of all that the session writes; empty where nobody asked */
  readonly subject: string
  readonly access: Access
  /** ms since 1970; from then on the session is over, unless it was granted anew. Null: it holds until it is revoked */
  readonly expiresAt: number | null
  /**
   * an operator: may do what concerns the relay, or a document as a whole, such as to list and to delete documents, and to
   * end sessions. Asked for as {@link relayDocument}. Default: false
   */
  readonly admin?: boolean
  /**
   * ms since 1970: when what it rests on was issued. A revocation after that makes it void. Default: when it was asked for
   */
  readonly issuedAt?: number
}

/** Whose access is taken away: a subject's to every document, everybody's to a document, or a subject's to a document. */
export interface Revocation {
  readonly subject?: string
  readonly document?: string
}

/**
 * Decides what a session may do. It throws a SynclineError to refuse it: `unauthorized` where another token may help,
 * `forbidden` where none will. Whatever else it throws keeps the session out for now.
 */
export interface Authorize {
  (request: GrantRequest): Promise<Grant>
  /** told of what was revoked: answers that were remembered are to be forgotten */
  readonly revoked?: (revocation: Revocation) => void
}

const subjectBytesMax = 256 // it is stored with each record
const control = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/

/** A subject is 1 to 256 bytes of text without control characters. */
export function isSubject(text: unknown): text is string {
  return typeof text === 'string' && text !== '' && Buffer.byteLength(text) <= subjectBytesMax && !control.test(text)
}
