import {
  defaultLimits,
  emptyStateVector,
  encodeClientMessage,
  packFrames,
  RelayMessageReader,
  type SessionReply,
  subprotocol,
} from '@syncline/protocol'
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import { within } from '../support/until.js'

const { frameBytesMax } = defaultLimits

/** What somebody who comes for the first time is given of a document. */
export async function readFresh(webSocketUrl: string, name: string): Promise<Y.Doc> {
  const socket = new WebSocket(`${webSocketUrl}/sync`, subprotocol)
  const open = { type: 'open', name, resume: null, stateVector: emptyStateVector } as const
  socket.on('open', () => {
    const hello = encodeClientMessage({ type: 'hello', versions: [1], agent: 'crash test', token: null }, frameBytesMax)
    const opening = encodeClientMessage({ type: 'session', channel: 1, message: open }, frameBytesMax)
    for (const frame of packFrames([...hello, ...opening], frameBytesMax)) socket.send(frame)
  })
  const doc = new Y.Doc({ gc: false })
  try {
    const reply = await within(`a newcomer to read ${name}`, firstSync(socket))
    if (reply.update !== null) Y.applyUpdate(doc, reply.update)
    return doc
  } finally {
    socket.terminate()
  }
}

function firstSync(socket: WebSocket): Promise<Extract<SessionReply, { type: 'synced' }>> {
  const reader = new RelayMessageReader(defaultLimits)
  return new Promise((resolve, reject) => {
    socket.on('error', reject)
    socket.on('message', (frame) => {
      for (const read of reader.read(new Uint8Array(frame as Buffer))) {
        if (!read.ok) return reject(read.error)
        if (read.message.type !== 'session') continue
        const { message } = read.message
        if (message.type === 'synced') return resolve(message)
        if (message.type === 'refused') return reject(new Error(`${message.code}: ${message.reason}`))
      }
    })
  })
}
