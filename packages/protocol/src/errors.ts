/**
 * Every code that Syncline gives to a peer, an application or an operator, with what to do about it.
 * Codes are stable; messages are not.
 */
export const errorCodes = {
  malformed_frame: 'The bytes are no message of this protocol. Update the client or report a bug.',
  malformed_update:
    'The update is not one that Yjs emits or can load. It was not kept. Update the client or report a bug.',
  malformed_awareness: 'The awareness message is not valid. Update the client or report a bug.',
  update_too_large: 'The update is larger than the relay takes. Split the edit, or raise the limit on the relay.',
  document_too_large:
    'The document has reached the size the relay takes. Raise the limit on the relay, or start a new document.',
  invalid_name: 'A document name has 1 to 512 bytes of UTF-8 in NFC, without control characters or lone surrogates.',
  read_only: 'The grant allows reading only. Ask for write access; the edit was not kept.',
  too_many_documents: 'The connection has as many documents open as the relay allows. Close some first.',
  unsupported_version: 'The relay and the client share no protocol version. Update the older of the two.',
  protocol_violation: 'The peer sent a message that does not belong here. Update the client or report a bug.',
  hello_timeout: 'The connection said nothing in time. Connect again.',
  slow_reader: 'The connection did not take what was sent to it in time. Connect again.',
  too_many_resyncs: 'The session kept sending updates whose predecessors are missing. Connect again.',
  storage_failed: 'The relay could not write to its disk. Nothing unacknowledged was kept; connect again later.',
  document_damaged: 'The stored document cannot be read. The operator must check the data directory.',
  shutting_down: 'The relay is stopping. Connect again in a moment.',
  internal: 'The relay hit a bug in this session. It was logged; connect again.',
  closed: 'The document handle or the connection was closed by the application.',
  not_found: 'There is nothing at this path.',
  forbidden_origin: 'Pages of this origin may not connect. The operator can allow it by name.',
  data_in_use: 'Another process has the data directory open. Stop it first, or choose another directory.',
  unknown_format: 'The data directory was written by a newer Syncline. Update this one.',
  invalid_option: 'An option has a value that is not allowed.',
} as const

/** A stable error code; {@link errorCodes} says what to do about each. */
export type ErrorCode = keyof typeof errorCodes

/** An error with a stable `code`. The message states the fact and what to do; it may change between versions. */
export class SynclineError extends Error {
  override readonly name = 'SynclineError'
  readonly code: ErrorCode

  /**
   * @param code what went wrong, one of {@link errorCodes}
   * @param fact what was seen, such as a length or an offset; the advice of the code is appended
   */
  constructor(code: ErrorCode, fact?: string) {
    super(fact === undefined ? errorCodes[code] : `${fact}. ${errorCodes[code]}`)
    this.code = code
  }
}

/** True where a text that came over the wire is a code that this version knows. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(errorCodes, text)
}
