import type { relayErrorCodes } from './relayErrors.js'

/**
 * Every code that Syncline gives to a peer, and to an application that uses the client, with what to do about it.
 * Codes are stable; messages are not.
 */
export const errorCodes = {
  malformed_frame: 'The bytes are no message of this protocol. Update the client or report a bug.',
  malformed_update:
    'The update is not one that Yjs emits or can load. It was not kept. Update the client or report a bug.',
  malformed_awareness: 'The awareness message is not valid. Update the client or report a bug.',
  malformed_signal: 'A signal is JSON of at most so many bytes as the relay takes. It was said to nobody.',
  update_too_large: 'The update is larger than the relay takes. Split the edit, or raise the limit on the relay.',
  document_too_large:
    'The document has reached the size the relay takes. Raise the limit on the relay, or start a new document.',
  invalid_name: 'A document name has 1 to 512 bytes of UTF-8 in NFC, without control characters or lone surrogates.',
  unauthorized: 'There is no token, or it is not one that the relay trusts. Connect with another one.',
  token_expired: 'The token, or what it allowed, has ended. Bring a new one.',
  forbidden: 'This subject may not open the document. Ask whoever shares it for access.',
  revoked: 'The access of this subject was taken away. A token that was issued since may give it back.',
  authorization_unavailable: 'It cannot be told now who may do what here. Try again later.',
  seed_refused:
    'The document has content already, and not this first content. It was withdrawn; edits made on it are set aside.',
  read_only: 'The grant allows reading only. Ask for write access; the edit was not kept.',
  too_many_documents: 'The connection has as many documents open as the relay allows. Close some first.',
  too_many_connections: 'This address has as many connections as the relay allows. Close some, or connect again later.',
  too_many_sessions: 'As many people have the document open as the relay allows. Open it again later.',
  rate_limited: 'That was more than the relay takes in such a time. Wait as long as it says, then go on.',
  unsupported_version: 'The relay and the client share no protocol version. Update the older of the two.',
  protocol_violation: 'The peer sent a message that does not belong here. Update the client or report a bug.',
  hello_timeout: 'The connection said nothing in time. Connect again.',
  slow_reader: 'The connection did not take what was sent to it in time. Connect again.',
  too_many_resyncs: 'The session kept sending updates whose predecessors are missing. Connect again.',
  storage_failed: 'The relay could not write to its disk. Nothing unacknowledged was kept; connect again later.',
  document_damaged: 'The stored document cannot be read. The operator must check the data directory.',
  document_deleted: 'The document was deleted. Keep or export what is here; the operator can let it begin anew.',
  document_busy: 'The operator is at work on the document. Open it again in a moment.',
  disk_full: 'The disk of the relay is nearly full, so it takes no edits. Keep them; it takes them when there is room.',
  shutting_down: 'The relay is stopping. Connect again in a moment.',
  internal: 'The relay hit a bug in this session. It was logged; connect again.',
  closed: 'The document handle or the connection was closed by the application.',
  store_full: 'This device has no space left for the local copy. Edits go on in memory; free some space.',
  store_unavailable: 'The local store cannot be used. Edits go on in memory; it is tried again.',
  store_damaged: 'Part of the local copy cannot be read. The rest was kept, and the relay is asked for all of it.',
  store_lost: 'The local copy is no longer the one that was read. It is written anew.',
  store_erased: 'The local copy was removed on purpose. Open the document again to keep it again.',
  data_in_use: 'Another process has the data directory open. Stop it first, or choose another directory.',
  invalid_option: 'An option has a value that is not allowed.',
  not_loaded:
    'The application that has the document did not give it. Nothing is shown instead; open it again in a moment.',
  no_document: 'There is no document of this name.',
  session_ended: 'The session was ended by the operator.',
} as const

/** A stable error code; {@link errorCodes} and {@link relayErrorCodes} say what to do about each. */
export type ErrorCode = keyof typeof errorCodes | keyof typeof relayErrorCodes

const advice: { [code in ErrorCode]?: string } = { ...errorCodes }

/** Lets errors say what to do about further codes, so that a page need not carry what only a relay says. */
export function adviseOn(codes: { readonly [code in ErrorCode]?: string }): void {
  Object.assign(advice, codes)
}

/** What to do about a code; the code itself where this process has not been told. */
export function adviceOn(code: ErrorCode): string {
  return advice[code] ?? code
}

/** An error with a stable `code`. The message states the fact and what to do; it may change between versions. */
export class SynclineError extends Error {
  override readonly name = 'SynclineError'
  readonly code: ErrorCode

  /**
   * @param code what went wrong
   * @param fact what was seen, such as a length or an offset; the advice of the code is appended
   */
  constructor(code: ErrorCode, fact?: string) {
    super(fact === undefined ? adviceOn(code) : `${fact}. ${adviceOn(code)}`)
    this.code = code
  }
}

/** True where a text that came over the wire is a code that this version knows of peers. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(errorCodes, text)
}
