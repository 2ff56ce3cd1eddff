import { connect, type DocumentHandle } from '@syncline/client'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { Line } from './line.js'
import type { RelayProcess } from './relay.js'
import { within } from './until.js'

/** A person with a document open, whatever client they use. */
export interface Person {
  readonly doc: Y.Doc
  readonly text: Y.Text
  readonly line: Line
  /** everything that the relay had is in `doc` */
  readonly synced: Promise<void>
  goOffline(): void
  goOnline(): void
  leave(): Promise<void>
}

/** A person whose client is ours. */
export interface NativePerson extends Person {
  readonly handle: DocumentHandle
}

/** Joins with `@syncline/client`. */
export function joinNative(relay: RelayProcess, name: string, doc = new Y.Doc()): NativePerson {
  const line = new Line()
  const connection = connect(relay.webSocketUrl, { webSocket: (url, protocols) => new line.WebSocket(url, protocols) })
  const handle = connection.open(name, { doc })
  return {
    doc,
    text: doc.getText(),
    line,
    handle,
    synced: within('the first sync', handle.synced),
    goOffline: () => connection.goOffline(),
    goOnline: () => connection.goOnline(),
    leave: () => connection.close(),
  }
}

/** Joins with an unmodified y-websocket. */
export function joinYWebsocket(relay: RelayProcess, name: string, doc = new Y.Doc()): Person {
  const line = new Line()
  const provider = new WebsocketProvider(`${relay.webSocketUrl}/y`, name, doc, {
    WebSocketPolyfill: line.WebSocket as unknown as typeof globalThis.WebSocket,
    disableBc: true,
  })
  const synced = new Promise<void>((resolve) => provider.once('sync', () => resolve()))
  return {
    doc,
    text: doc.getText(),
    line,
    synced: within('the first sync of y-websocket', synced),
    goOffline: () => provider.disconnect(),
    goOnline: () => provider.connect(),
    leave: async () => provider.destroy(),
  }
}
