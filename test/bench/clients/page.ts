/** What runs in the browser: each client as an application uses it, and editors bound to its document. */
import { EditorState as CodeMirrorState } from '@codemirror/state'
import { EditorView as CodeMirrorView } from '@codemirror/view'
import { HocuspocusProvider } from '@hocuspocus/provider'
import { connect } from '@syncline/client'
import { indexedDbStore } from '@syncline/client/indexeddb'
import { schema } from 'prosemirror-schema-basic'
import { EditorState as ProseMirrorState } from 'prosemirror-state'
import { EditorView as ProseMirrorView } from 'prosemirror-view'
import { yCollab } from 'y-codemirror.next'
import { IndexeddbPersistence } from 'y-indexeddb'
import { initProseMirrorDoc, ySyncPlugin } from 'y-prosemirror'
import type { Awareness } from 'y-protocols/awareness'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { richName, textName } from '../updates.js'
import type { EditorName } from './editors.js'
import type { ClientName } from './sides.js'

/** A document in the page, as one of the clients holds it. */
interface Copy {
  readonly doc: Y.Doc
  readonly awareness: Awareness
  /** what this device had is in the document */
  readonly loaded: Promise<unknown>
  /** what the server had is in the document */
  readonly synced: Promise<unknown>
  /** what was typed is on this device */
  kept(): Promise<unknown>
}

/** @param base the server's address for this client's wire */
type Opener = (base: string, name: string) => Copy

const openers: Record<ClientName, Opener> = {
  Syncline: (base, name) => {
    const handle = connect(base, { store: indexedDbStore() }).open(name)
    const { doc, awareness, loaded, synced } = handle
    return { doc, awareness, loaded, synced, kept: () => Promise.all([handle.saved(), handle.keptLocally()]) }
  },
  'y-websocket + y-indexeddb': (base, name) => {
    const doc = new Y.Doc()
    const { loaded, kept } = persisted(name, doc)
    const provider = new WebsocketProvider(base, name, doc)
    const synced = new Promise((resolve) => provider.once('sync', resolve))
    return { doc, awareness: provider.awareness, loaded, synced, kept }
  },
  'Hocuspocus provider + y-indexeddb': (base, name) => {
    const doc = new Y.Doc()
    const { loaded, kept } = persisted(name, doc)
    const provider = new HocuspocusProvider({ url: base, name, document: doc })
    const synced = new Promise((resolve) => provider.on('synced', resolve))
    return { doc, awareness: provider.awareness!, loaded, synced, kept }
  },
}

function persisted(name: string, doc: Y.Doc): Pick<Copy, 'loaded' | 'kept'> {
  const persistence = new IndexeddbPersistence(name, doc)
  // it tells nobody when a row is written: a transaction of ours comes after its own
  const kept = () =>
    new Promise((resolve, reject) => {
      const request = persistence.db!.transaction('updates').objectStore('updates').count()
      request.onsuccess = resolve
      request.onerror = reject
    })
  return { loaded: persistence.whenSynced, kept }
}

const editors: Record<EditorName, (copy: Copy, parent: HTMLElement) => void> = {
  codeMirror: ({ doc, awareness }, parent) => {
    const text = doc.getText(textName)
    const state = CodeMirrorState.create({
      doc: text.toString(),
      extensions: [CodeMirrorView.lineWrapping, yCollab(text, awareness)],
    })
    new CodeMirrorView({ state, parent })
  },
  proseMirror: ({ doc }, parent) => {
    const fragment = doc.getXmlFragment(richName)
    const { doc: shown, mapping } = initProseMirrorDoc(fragment, schema)
    const state = ProseMirrorState.create({ schema, doc: shown, plugins: [ySyncPlugin(fragment, { mapping })] })
    new ProseMirrorView(parent, { state })
  },
}

let copy: Copy

/** What the bench calls. */
const bench = {
  /** Opens a document as a page does that was just loaded: ms until what this device has is there, and what the server has. */
  async open(client: ClientName, base: string, name: string) {
    const start = performance.now()
    copy = openers[client](base, name)
    const since = () => performance.now() - start
    const [loadedMs, syncedMs] = await Promise.all([copy.loaded.then(since), copy.synced.then(since)])
    await copy.kept()
    return { loadedMs, syncedMs, length: copy.doc.getText(textName).length }
  },
  /** Types at the end, key by key. */
  async type(count: number): Promise<void> {
    const text = copy.doc.getText(textName)
    for (let i = 0; i < count; i++) {
      text.insert(text.length, 'x')
      // the next key comes in another turn
      if (i % 8 === 0) await new Promise((done) => setTimeout(done))
    }
    await copy.kept()
  },
  edit(editor: EditorName): void {
    editors[editor](copy, window.document.body)
  },
  /**
   * The page is busy for a while, and what comes meanwhile waits.
   *
   * @returns ms from then on until the document has everything and the editor has been painted with it, how much of that
   * the page answered nothing, and in how many steps it came
   */
  async beBusy(ms: number, expected: Uint8Array) {
    const wanted = Y.decodeStateVector(expected)
    const hasAll = () => [...wanted].every(([client, clock]) => Y.getState(copy.doc.store, client) >= clock)
    const end = performance.now() + ms
    while (performance.now() < end);
    const start = performance.now()
    let steps = 0
    await new Promise<void>((resolve) => {
      copy.doc.on('update', () => {
        steps++
        if (hasAll()) resolve()
      })
    })
    await new Promise((painted) => requestAnimationFrame(() => setTimeout(painted)))
    return { ms: performance.now() - start, steps }
  },
}

declare global {
  var synclineBench: typeof bench
}

globalThis.synclineBench = bench
