import { HttpTestSocket } from './httpSocket.js'
import { NativeClient } from './support.js'

// every story of protocol 1 once more, for clients whose network lets no WebSocket through
NativeClient.openSocket = (url) => new HttpTestSocket(url)
await import('./native.test.js')
