import { RelayMessageReader, readEnvelopes } from '@syncline/protocol'

/** What happened on the sockets of a conversation, in order. Frames are hex, as they were on the wire. */
export type Event =
  | { readonly who: string; readonly did: 'connect' | 'leave' }
  | { readonly who: string; readonly did: 'send' | 'receive'; readonly frame: string }

/** A message of the relay: hex of channel, type and body. */
export interface Heard {
  readonly channel: number
  readonly type: number
  readonly body: string
}

const welcome = 1
// a sign of life comes when nothing else does
const signsOfLife = new Set([2, 3])

/** The messages of the relay in a frame, without signs of life. */
export function heardIn(frame: string): Heard[] {
  return readEnvelopes(Buffer.from(frame, 'hex'))
    .map(({ channel, body }) => ({ channel, type: body[0]!, body: Buffer.from(body).toString('hex') }))
    .filter(({ channel, type }) => channel !== 0 || !signsOfLife.has(type))
    .map((heard) => (heard.channel === 0 && heard.type === welcome ? withoutAgent(heard) : heard))
}

/** The epoch that a relay gave to a document, in hex; null where these bytes say nothing of it. */
export function epochIn(frame: string): string | null {
  const reader = new RelayMessageReader({ documentBytesMax: 2 ** 20, tokenBytesMax: 2 ** 10 })
  for (const read of reader.read(Buffer.from(frame, 'hex'))) {
    if (!read.ok || read.message.type !== 'session') continue
    const { message } = read.message
    if (message.type === 'opened') return message.point.epoch
  }
  return null
}

/** The agent is the version of the relay, and the last thing in its welcome. */
function withoutAgent(heard: Heard): Heard {
  const at = heard.body.indexOf(Buffer.from('syncline/').toString('hex'))
  return at < 0 ? heard : { ...heard, body: heard.body.slice(0, at - 2) }
}
