import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { hocuspocus, plain, syncline, type Wire, yWebsocket } from '../wires/index.js'

/** How a server is started. */
export interface StartOptions {
  readonly port: number
  readonly directory: string
}

/** A server that the bench knows how to start. */
export interface ServerKind {
  readonly name: string
  readonly wire: Wire
  /** true where it writes what it is sent to disk: only then a newcomer can be asked what it kept */
  readonly keeps: boolean
  /** true where every workload runs on it; otherwise those that ask for it by name */
  readonly isCommon: boolean
  readonly isInstalled: boolean
  /** its program and arguments for Node, and environment variables */
  command(options: StartOptions): { readonly args: readonly string[]; readonly env?: Readonly<Record<string, string>> }
  /** where its wire is spoken, below its host and port */
  readonly path: string
}

// this file runs from where it is built to, node_modules/.syncline/bench
const root = fileURLToPath(new URL('../../..', import.meta.url))
const peers = join(root, 'test', 'bench', 'peers')
const referencePath = join(peers, 'node_modules', '@y', 'websocket-server', 'src', 'server.js')
const hocuspocusPath = join(peers, 'node_modules', '@hocuspocus', 'server')
const forwarderPath = fileURLToPath(new URL('forwarder.mjs', import.meta.url))

/** Where the bench may write. */
export const benchDirectory = join(root, 'test', 'bench')

/**
 * What is gone when this run is over. Beside the repository's other files: a temporary directory is often in memory, where
 * fsync costs nothing.
 */
export const dataDirectory = join(benchDirectory, 'data', String(process.pid))

// all clients of the bench come from one address, as many and as fast as they can
const addressLimits = ['Connections', 'Opens', 'Messages', 'Bytes', 'ExchangeBytes'].map(
  (measure) => `address${measure}Burst=${2 ** 40}`,
)

const relay = {
  keeps: true,
  isInstalled: true,
  command: ({ port, directory }: StartOptions) => ({
    args: [
      join(root, 'packages', 'server', 'bin', 'syncline.js'),
      'serve',
      ...['--port', String(port), '--data', directory, '--log-level', 'warn'],
      ...['--limit', [...addressLimits, `addressConnectionsMax=${2 ** 20}`].join(',')],
    ],
  }),
}

/** The relay with its own clients, and what the others are compared with. */
export const ours: ServerKind = { ...relay, name: 'Syncline', wire: syncline, isCommon: true, path: '' }

/** The relay with unmodified y-websocket clients. */
export const oursForY: ServerKind = {
  ...relay,
  name: 'Syncline (y-websocket clients)',
  wire: yWebsocket,
  isCommon: false,
  path: '/y',
}

/** The names of those that people use today. */
export const hocuspocusName = 'Hocuspocus + SQLite'
export const yWebsocketName = 'y-websocket + LevelDB'

/** The name of the limit. */
export const forwarderName = 'forwarder'

/** The name of the limit for servers that write to disk. */
export const forwarderWithFile = 'forwarder + file'

/** All servers, in the order of the tables. */
export const serverKinds: readonly ServerKind[] = [
  ours,
  oursForY,
  {
    name: hocuspocusName,
    wire: hocuspocus,
    keeps: true,
    isCommon: true,
    isInstalled: existsSync(hocuspocusPath),
    command: ({ port, directory }) => ({ args: [join(peers, 'hocuspocus.mjs'), String(port), directory] }),
    path: '',
  },
  {
    name: yWebsocketName,
    wire: yWebsocket,
    keeps: true,
    isCommon: true,
    isInstalled: existsSync(referencePath),
    command: ({ port, directory }) => ({
      args: [referencePath],
      env: { HOST: '127.0.0.1', PORT: String(port), YPERSISTENCE: directory },
    }),
    path: '',
  },
  {
    name: forwarderName,
    wire: plain,
    keeps: false,
    isCommon: true,
    isInstalled: true,
    command: ({ port }) => ({ args: [forwarderPath, String(port)] }),
    path: '',
  },
  {
    name: forwarderWithFile,
    wire: plain,
    keeps: true,
    isCommon: true,
    isInstalled: true,
    command: ({ port, directory }) => ({ args: [forwarderPath, String(port), directory] }),
    path: '',
  },
]
