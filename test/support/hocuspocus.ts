import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider'
import * as version3 from 'hocuspocus-provider-3'
import { onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import * as Y from 'yjs'

type Options = ConstructorParameters<typeof HocuspocusProvider>[0]

const providers = {
  4: { Provider: HocuspocusProvider, Socket: HocuspocusProviderWebsocket },
  3: {
    Provider: version3.HocuspocusProvider as unknown as typeof HocuspocusProvider,
    Socket: version3.HocuspocusProviderWebsocket as unknown as typeof HocuspocusProviderWebsocket,
  },
} as const

/** A browser's: with `ws` alone, one that is closed while it connects throws its error at whoever does not listen. */
class BrowserSocket extends WebSocket {
  constructor(url: string | URL) {
    super(url)
    this.on('error', () => {})
  }
}

/** One connection of unmodified Hocuspocus providers; it ends with the test. */
export function connectHocuspocus(url: string, version: 3 | 4 = 4) {
  const closes: { readonly code: number; readonly reason: string }[] = []
  const socket = new providers[version].Socket({
    url: `${url}/hocuspocus`,
    WebSocketPolyfill: BrowserSocket,
    delay: 50,
    minDelay: 50,
    maxDelay: 200,
    onClose: ({ event }) => closes.push({ code: event.code, reason: event.reason }),
  })
  onTestFinished(() => socket.destroy())
  const open = (name: string, options: Partial<Options> = {}) => {
    const doc = options.document ?? new Y.Doc()
    const denials: string[] = []
    const endings: string[] = []
    const provider = new providers[version].Provider({
      name,
      document: doc,
      websocketProvider: socket,
      onAuthenticationFailed: ({ reason }) => denials.push(reason),
      onClose: ({ event }) => endings.push(event.reason),
      ...options,
    } as Options)
    provider.attach()
    onTestFinished(() => provider.destroy())
    return { provider, doc, text: doc.getText(), denials, endings }
  }
  return { socket, open, closes }
}
