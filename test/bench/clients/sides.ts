import { ours, type ServerKind, serverKinds } from '../servers/kinds.js'
import { hocuspocus, yWebsocket } from '../wires/index.js'

export type ClientName = 'Syncline' | 'y-websocket + y-indexeddb' | 'Hocuspocus provider + y-indexeddb'

/** A client library, with the server that people use it with. */
export interface Side {
  readonly name: ClientName
  readonly server: ServerKind
  /** the part of the server's address before the colon */
  readonly scheme: 'http' | 'ws'
  /** what an application imports: without a store, and with one */
  readonly imports: readonly string[]
  readonly storeImports: readonly string[]
}

const serverOf = (wire: ServerKind['wire']) => serverKinds.find((kind) => kind.wire === wire && kind.isCommon)!
const yIndexedDb = "export { IndexeddbPersistence } from 'y-indexeddb'"

/** All clients, in the order of the tables. */
export const sides: readonly Side[] = [
  {
    name: 'Syncline',
    server: ours,
    scheme: 'http',
    imports: ["export { connect } from '@syncline/client'"],
    storeImports: ["export { indexedDbStore } from '@syncline/client/indexeddb'"],
  },
  {
    name: 'y-websocket + y-indexeddb',
    server: serverOf(yWebsocket),
    scheme: 'ws',
    imports: ["export { WebsocketProvider } from 'y-websocket'"],
    storeImports: [yIndexedDb],
  },
  {
    name: 'Hocuspocus provider + y-indexeddb',
    server: serverOf(hocuspocus),
    scheme: 'ws',
    imports: ["export { HocuspocusProvider } from '@hocuspocus/provider'"],
    storeImports: [yIndexedDb],
  },
]
