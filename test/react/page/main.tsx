import { type Connection, connect, type DocumentHandle } from '@syncline/client'
import {
  SynclineProvider,
  useAwareness,
  useConnection,
  useDocument,
  useShared,
  useStatus,
  useSuspenseDocument,
} from '@syncline/react'
import { memo, type ReactNode, StrictMode, Suspense, useEffect, useState, version } from 'react'
import { createRoot, hydrateRoot, type Root } from 'react-dom/client'
import * as Y from 'yjs'

/** How often each component was rendered. */
const renders: Record<string, number> = {}
const rendered = (name: string) => {
  renders[name] = (renders[name] ?? 0) + 1
}

let sockets = 0
const options = {
  webSocket: (url: string, protocols: string[]) => {
    sockets++
    return new WebSocket(url, protocols)
  },
}
const url = () => location.origin

function Provided({ children }: { children: ReactNode }) {
  return (
    <SynclineProvider url={url()} options={options}>
      {children}
    </SynclineProvider>
  )
}

/** A document as a person sees it: its text, its status, who is there. */
function Notes({ name = 'notes' }: { name?: string }) {
  const handle = useDocument(name)
  const text = useShared(handle?.doc.getText('text'))
  const status = useStatus(handle)
  const names = useAwareness(handle, (peers) => peers.map(({ state }) => String(state.user)).sort())
  useEffect(() => handle?.awareness.setLocalStateField('user', 'page'), [handle])
  return (
    <section id={name}>
      <output className="text">{text ?? 'closed'}</output>
      <output className="status">
        {status === null ? 'none' : status.saved && status.synced ? 'saved' : 'pending'}
      </output>
      <output className="people">{names.join()}</output>
      <button type="button" onClick={() => handle?.doc.getText('text').insert(0, 'x')}>
        type
      </button>
    </section>
  )
}

/** Types something each time it is mounted: in strict mode that is twice. */
function Typist() {
  const handle = useDocument('notes')
  useEffect(() => handle?.doc.getText('text').insert(0, 'm'), [handle])
  return null
}

/** What {@link Suspended} has shown, one after the other. */
const shown: string[] = []

function Suspended({ name }: { name: string }) {
  const handle = useSuspenseDocument(name)
  const text = useShared(handle.doc.getText('text'))
  shown.push(text)
  return <output className="text">{text}</output>
}

function Waiting() {
  shown.push('one moment')
  return <output className="text">one moment</output>
}

type CardData = Readonly<{ title: string; done: boolean }>

const Card = memo(function Card({ id, card }: { id: string; card: CardData }) {
  rendered(`card ${id}`)
  return <li>{card.title}</li>
})

function Board() {
  const cards = useShared(useSuspenseDocument('board').doc.getMap<Y.Map<unknown>>('cards'))
  rendered('board')
  return (
    <ul>
      {Object.entries(cards).map(([id, card]) => (
        <Card key={id} id={id} card={card as CardData} />
      ))}
    </ul>
  )
}

function DoneCount() {
  const cards = useSuspenseDocument('board').doc.getMap<Y.Map<unknown>>('cards')
  const done = useShared(cards, (all) => Object.values(all).filter((card) => card.done).length)
  rendered('count')
  return <output className="done">{done}</output>
}

/** A connection to nowhere whose documents can be replaced, as the client does it where a replica is rebuilt. */
function replaceable() {
  const connection = connect(url(), { online: false })
  let [doc, replaced] = [new Y.Doc(), () => {}]
  doc.getText('text').insert(0, 'before')
  const open = connection.open.bind(connection)
  const fake = (handle: DocumentHandle) =>
    new Proxy(handle, {
      get(target, key) {
        if (key === 'doc') return doc
        if (key === 'on') {
          return (event: string, listener: () => void) => {
            if (event !== 'replaced') return target.on('status', listener)
            replaced = listener
            return () => {}
          }
        }
        const value: unknown = Reflect.get(target, key, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  let handle: DocumentHandle | null = null
  connection.open = (name) => {
    handle ??= fake(open(name))
    return handle
  }
  const replace = () => {
    doc = new Y.Doc()
    doc.getText('text').insert(0, 'after')
    replaced()
  }
  return { connection, replace }
}

let own: { connection: Connection; replace: () => void }

function OnlineSwitch() {
  const connection = useConnection()
  return (
    <>
      <button type="button" onClick={() => connection?.goOffline()}>
        go offline
      </button>
      <button type="button" onClick={() => connection?.goOnline()}>
        go online
      </button>
    </>
  )
}

/** Shows and takes away what is below. */
function Toggle({ children }: { children: ReactNode }) {
  const [isShown, show] = useState(true)
  return (
    <>
      <button type="button" onClick={() => show(!isShown)}>
        toggle
      </button>
      {isShown ? children : null}
    </>
  )
}

function Choice() {
  const [name, choose] = useState('notes')
  return (
    <>
      <button type="button" onClick={() => choose('other')}>
        other
      </button>
      <Notes name={name} />
    </>
  )
}

const waiting = <Waiting />

const pages: Record<string, () => ReactNode> = {
  notes: () => (
    <Provided>
      <Notes />
    </Provided>
  ),
  typist: () => (
    <Provided>
      <Typist />
      <Notes />
    </Provided>
  ),
  offline: () => (
    <Provided>
      <OnlineSwitch />
      <Toggle>
        <Notes />
      </Toggle>
    </Provided>
  ),
  twice: () => (
    <Provided>
      <Notes />
      <Toggle>
        <Notes />
      </Toggle>
    </Provided>
  ),
  choice: () => (
    <Provided>
      <Choice />
    </Provided>
  ),
  suspended: () => (
    <Provided>
      <Suspense fallback={waiting}>
        <Suspended name="notes" />
      </Suspense>
    </Provided>
  ),
  'suspended above': () => (
    <Suspense fallback={waiting}>
      <Provided>
        <Suspended name="notes" />
      </Provided>
    </Suspense>
  ),
  board: () => (
    <Provided>
      <Suspense fallback={waiting}>
        <Board />
        <DoneCount />
      </Suspense>
    </Provided>
  ),
  replaced: () => {
    own ??= replaceable()
    return (
      <SynclineProvider connection={own.connection}>
        <Notes />
      </SynclineProvider>
    )
  },
}

const place = () => document.getElementById('root') as HTMLElement

let root: Root | null = null
/** what React reports of itself: errors that it recovered from, and warnings */
const reports: string[] = []
const onRecoverableError = (error: unknown) => reports.push(String(error))

/** What tests call in the page. */
const forTests = {
  version,
  renders,
  shown,
  reports,
  sockets: () => sockets,
  replace: () => own.replace(),
  show(name: string) {
    root = createRoot(place(), { onRecoverableError })
    root.render(<StrictMode>{pages[name]!()}</StrictMode>)
  },
  hydrate(name: string) {
    root = hydrateRoot(place(), <StrictMode>{pages[name]!()}</StrictMode>, { onRecoverableError })
  },
  leave() {
    root?.unmount()
  },
}

declare global {
  var react: typeof forTests
}

globalThis.react = forTests
