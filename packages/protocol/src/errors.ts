import type { relayErrorCodes } from './relayErrors.js'

/**
 * The codes that a client gives to an application, and that either side may give to the other, with what to do about
 * each. Codes are stable; messages are not. What only a relay says has a code of {@link relayErrorCodes}, and comes with
 * its message.
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
  seed_refused:
    'The document has content already, and not this first content. It was withdrawn; edits made on it are set aside.',
  read_only: 'The grant allows reading only. Ask for write access; the edit was not kept.',
  unsupported_version: 'The relay and the client share no protocol version. Update the older of the two.',
  protocol_violation: 'The peer sent a message that does not belong here. Update the client or report a bug.',
  document_deleted: 'The document was deleted. Keep or export what is here; the operator can let it begin anew.',
  internal: 'The relay hit a bug in this session. It was logged; connect again.',
  closed: 'The document handle or the connection was closed by the application.',
  store_full: 'This device has no space left for the local copy. Edits go on in memory; free some space.',
  store_unavailable: 'The local store cannot be used. Edits go on in memory; it is tried again.',
  store_damaged: 'Part of the local copy cannot be read. The rest was kept, and the relay is asked for all of it.',
  store_lost: 'The local copy is no longer the one that was read. It is written anew.',
  store_erased: 'The local copy was removed on purpose. Open the document again to keep it again.',
  invalid_option: 'An option has a value that is not allowed.',
} as const

/**
 * A stable error code; {@link errorCodes} and {@link relayErrorCodes} say what to do about each. A newer relay may say one
 * that is not among them.
 */
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

/** True where a text is a code that this process has advice on. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(advice, text)
}
