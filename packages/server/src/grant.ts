import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Access } from '@syncline/protocol'

/** What is known of who connected: parts of the HTTP request, which itself would cost 2 KB for each connection. */
export interface Visitor {
  /** the request's target, its query included */
  readonly url: string
  readonly headers: IncomingHttpHeaders
  /** of the peer, which may be a proxy */
  readonly address: string
}

/** The visitor that a request comes from. */
export function visitorOf(request: IncomingMessage): Visitor {
  const { url = '', headers, socket } = request
  // the kernel is asked where somebody wants to know
  return {
    url,
    headers,
    get address() {
      return socket.remoteAddress ?? ''
    },
  }
}

/** Who asks for which document. */
export interface GrantRequest {
  readonly document: string
  readonly visitor: Visitor
}

/** What a session may do, and in whose name. */
export interface Grant {
  /** the subject, kept in the log with all that the session writes; empty where nobody asked */
  readonly author: string
  readonly access: Access
}

/** Decides what a session may do. Throws a SynclineError to refuse it. */
export type Authorize = (request: GrantRequest) => Promise<Grant>

/** Everyone writes, under no name: a relay without authorisation. */
export const grantEveryone: Authorize = async () => ({ author: '', access: 'write' })
