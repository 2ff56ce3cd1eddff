import { connect } from '@syncline/client'
import { defaultLimits, emptyStateVector, encodeClientMessage, packFrames, subprotocol } from '@syncline/protocol'
import { WebSocket } from 'ws'
import type { Oracle } from '../crash/oracle.js'
import { People } from '../crash/people.js'
import { RawWriter } from '../crash/rawWriter.js'
import type { Chance } from '../support/sessions.js'
import { applyEdit, loadSequentialTrace } from '../support/traces.js'
import { until } from '../support/until.js'

const { frameBytesMax } = defaultLimits
const typingMs = 10
const keysPerTurn = 20
const stayMs = 5_000
const savedMs = 60_000

/** Who comes to a document, does something there, and leaves when all of it is saved. */
export type Visit = (webSocketUrl: string, document: string, chance: Chance, oracle: Oracle) => Promise<void>

/** Three people at once, with our client and with y-websocket, who go offline now and then. */
export const typists: Visit = async (webSocketUrl, document, chance, oracle) => {
  const people = new People(webSocketUrl, [document], chance, oracle)
  const typing = setInterval(() => people.type(), typingMs)
  try {
    await pause(chance.next() * stayMs)
    people.goOffline()
    await pause(chance.next() * 200)
    people.goOnline()
    await pause(chance.next() * stayMs)
    clearInterval(typing)
    await people.settled()
  } finally {
    clearInterval(typing)
    await people.leave()
  }
}

const paper = loadSequentialTrace('automerge-paper')

/** Somebody who types a paper, key by key, while somebody else reads it. */
export const author: Visit = async (webSocketUrl, document, chance, oracle) => {
  const connections = [connect(webSocketUrl), connect(webSocketUrl)] as const
  const [handle, reader] = [connections[0].open(document), connections[1].open(document)] as const
  const typed = handle.doc.getText()
  const saved: Promise<void>[] = []
  handle.doc.on('update', (update: Uint8Array) => {
    saved.push(handle.saved().then(() => oracle.acknowledge(document, update)))
  })
  reader.doc.on('update', (update: Uint8Array) => oracle.show(document, update))
  try {
    const end = performance.now() + stayMs + chance.next() * stayMs
    for (let at = 0; performance.now() < end && at < paper.edits.length; at += keysPerTurn) {
      for (const edit of paper.edits.slice(at, at + keysPerTurn)) applyEdit(typed, edit)
      await pause(typingMs)
      await Promise.all(saved.splice(0))
    }
    const isRead = () => reader.doc.getText().toString() === typed.toString()
    await until(`${document} to be read`, isRead, { timeoutMs: savedMs })
  } finally {
    await Promise.all(connections.map((connection) => connection.close()))
  }
}

/** Somebody who writes as fast as it is saved, so that it is compacted now and then. */
export const writer: Visit = async (webSocketUrl, document, chance, oracle) => {
  const size = () => chance.int(6 * 1024)
  const raw = new RawWriter([document], { chance, witness: oracle, inFlightMax: 1, size })
  raw.connect(webSocketUrl)
  try {
    await pause(stayMs * chance.next())
    raw.stop()
    await until(`${document} to be saved`, () => raw.isSaved, { timeoutMs: savedMs })
  } finally {
    raw.disconnect()
    await until('the writer to be gone', () => !raw.isConnected)
  }
}

/** Somebody who opens a document, and reads nothing of it for a while. */
export async function readSlowly(webSocketUrl: string, document: string, chance: Chance): Promise<void> {
  const socket = new WebSocket(`${webSocketUrl}/sync`, subprotocol)
  socket.on('error', () => {})
  socket.on('open', () => {
    const message = { type: 'open', name: document, resume: null, stateVector: emptyStateVector } as const
    const hello = encodeClientMessage({ type: 'hello', versions: [1], agent: 'soak', token: null }, frameBytesMax)
    const opening = encodeClientMessage({ type: 'session', channel: 1, message }, frameBytesMax)
    for (const frame of packFrames([...hello, ...opening], frameBytesMax)) socket.send(frame)
    socket.pause()
  })
  await pause(chance.next() * stayMs)
  socket.terminate()
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
