import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'

/** What y-websocket and Hocuspocus say alike, as y-protocols has it, to bring a document up to date. */
export type SyncMessage =
  /** what I have: send me the rest */
  | { readonly type: 'step1'; readonly stateVector: Uint8Array }
  /** the rest */
  | { readonly type: 'step2'; readonly update: Uint8Array }
  | { readonly type: 'update'; readonly update: Uint8Array }

const steps = ['step1', 'step2', 'update'] as const

/** Throws where it is none. The result is a view. */
export function readSync(decoder: decoding.Decoder): SyncMessage {
  const type = steps[decoding.readVarUint(decoder)]
  if (type === undefined) throw new Error('Unknown sync message')
  const body = decoding.readVarUint8Array(decoder)
  return type === 'step1' ? { type, stateVector: body } : { type, update: body }
}

export function writeSync(encoder: encoding.Encoder, message: SyncMessage): void {
  encoding.writeVarUint(encoder, steps.indexOf(message.type))
  encoding.writeVarUint8Array(encoder, message.type === 'step1' ? message.stateVector : message.update)
}
