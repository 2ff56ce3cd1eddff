import { connect } from '@syncline/client'
import { onTestFinished, test } from 'vitest'
import * as Y from 'yjs'
import { editSomething } from '../simulation/client.js'
import { Random } from '../simulation/random.js'
import { stateOf } from '../simulation/state.js'
import { connectHocuspocus } from '../support/hocuspocus.js'
import { until } from '../support/until.js'
import { joinYWebsocket, startRelay, type YVersion } from './support.js'

const seed = Number(process.env.SYNCLINE_SEED ?? 7)
const rounds = 60

interface Client {
  readonly name: string
  readonly doc: Y.Doc
  /** what it brought is saved, as far as it can tell */
  isSaved(): boolean
  goOffline(): void | Promise<void>
  goOnline(): void
}

function native(url: string): Client {
  const connection = connect(url, { retryMsMax: 200 })
  onTestFinished(() => connection.close())
  const handle = connection.open('notes')
  return {
    name: 'ours',
    doc: handle.doc,
    isSaved: () => handle.status.synced && handle.status.pending === 0,
    goOffline: () => connection.goOffline(),
    goOnline: () => connection.goOnline(),
  }
}

function yWebsocket(url: string, version: YVersion): Client {
  const { provider, doc } = joinYWebsocket(url, 'notes', new Y.Doc(), { version })
  return {
    name: `y-websocket ${version}`,
    doc,
    isSaved: () => provider.synced,
    goOffline: () => provider.disconnect(),
    goOnline: () => provider.connect(),
  }
}

function hocuspocus(url: string, version: 3 | 4): Client {
  const { socket, open } = connectHocuspocus(url, version)
  const { provider, doc } = open('notes')
  return {
    name: `Hocuspocus ${version}`,
    doc,
    isSaved: () => provider.isSynced && !provider.hasUnsyncedChanges,
    // one that is told to connect before it has noticed stays as it is
    goOffline: () => {
      socket.disconnect()
      return until('the provider to be offline', () => socket.status === 'disconnected')
    },
    goOnline: () => void socket.connect(),
  }
}

test(`clients of all kinds in one document, offline and back, end equal (SYNCLINE_SEED=${seed})`, async () => {
  const { url } = await startRelay()
  const random = new Random(seed)
  const ours = [native(url), native(url)]
  const versions: readonly YVersion[] = [1, 2, 3]
  const clients = [
    ...ours,
    ...versions.map((version) => yWebsocket(url, version)),
    hocuspocus(url, 3),
    hocuspocus(url, 4),
  ]
  await until('all to be synced', () => clients.every((client) => client.isSaved()))
  const offline = new Set<Client>()
  for (let round = 0; round < rounds; round++) {
    const client = random.pick(clients)
    if (offline.delete(client)) client.goOnline()
    else if (random.chance(0.4)) {
      await client.goOffline()
      offline.add(client)
    }
    for (let edits = random.int(4); edits > 0; edits--) editSomething(random.pick(clients).doc, random)
    // the others go on as they like
    await new Promise((done) => setImmediate(done))
  }
  for (const client of offline) client.goOnline()
  const states = () => clients.map(({ name, doc }) => [name, stateOf(doc)])
  const areEqual = () =>
    clients.every((client) => client.isSaved()) && new Set(states().map(([, state]) => state)).size === 1
  await until('all to be equal', areEqual, { timeoutMs: 25_000, seen: states })
  const newcomer = native(url)
  await until('a newcomer to read the same', () => stateOf(newcomer.doc) === stateOf(ours[0]!.doc))
})
