import { connect } from '@syncline/client'
import { indexedDbStore } from '@syncline/client/indexeddb'
import { IndexeddbPersistence } from 'y-indexeddb'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'

/** What tests call in the page. */
const forTests = { connect, indexedDbStore, IndexeddbPersistence, WebsocketProvider, Y }

declare global {
  var tools: typeof forTests
}

globalThis.tools = forTests
