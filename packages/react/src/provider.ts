import type { Connection, ConnectOptions } from '@syncline/client'
import {
  createContext,
  createElement,
  type ReactElement,
  type ReactNode,
  useContext,
  useEffect,
  useState,
  useSyncExternalStore,
} from 'react'
import { Source } from './source.js'

const Context = createContext<Source | null>(null)

/** Of {@link SynclineProvider}: a connection of the application's own, or where to connect to. */
export type SynclineProviderProps = { readonly children?: ReactNode } & (
  | {
      /** one that the application has made; the provider never closes it */
      readonly connection: Connection
      readonly url?: undefined
      readonly options?: undefined
    }
  | {
      readonly connection?: undefined
      /** of the relay; the provider connects, and closes the connection after it has gone */
      readonly url: string
      /** of `connect`. Those of the first render count: make a store outside of the component. */
      readonly options?: ConnectOptions
    }
)

/**
 * Gives the components below it a connection: one, also in strict mode. On a server it connects to nothing.
 */
export function SynclineProvider({ connection, url, options, children }: SynclineProviderProps): ReactElement {
  const [made, setMade] = useState(() => ({ url, connection, source: sourceOf(connection, url, options) }))
  let { source } = made
  if (made.url !== url || made.connection !== connection) {
    source = sourceOf(connection, url, options)
    setMade({ url, connection, source })
  }
  useEffect(() => source.use(), [source])
  return createElement(Context.Provider, { value: source }, children)
}

function sourceOf(
  connection: Connection | undefined,
  url: string | undefined,
  options: ConnectOptions | undefined,
): Source {
  if (connection !== undefined) return Source.of(connection)
  if (url === undefined) throw new Error('SynclineProvider needs a connection or a url')
  return Source.to(url, options)
}

/** The source of the nearest provider. */
export function useSource(): Source {
  const source = useContext(Context)
  if (source === null) throw new Error('There is no SynclineProvider above this component')
  return source
}

/** The connection of the nearest provider: `null` on a server and until the provider has been mounted. */
export function useConnection(): Connection | null {
  const source = useSource()
  return useSyncExternalStore(
    (changed) => source.listen(changed),
    () => source.connection,
    nothing,
  )
}

function nothing(): null {
  return null
}
