import type * as Y from 'yjs'
import { guarded } from '../listeners.js'
import type { DocumentHandle } from '../types.js'

interface Changes {
  readonly loaded: ReadonlySet<Y.Doc>
  readonly removed: ReadonlySet<Y.Doc>
}

/**
 * Opens the subdocuments that the application has loaded, or that load by themselves (`autoLoad`), and those that it loads
 * later; closes them when they are unloaded or removed.
 *
 * @returns closes all, and ends it
 */
export function loadWanted(parent: DocumentHandle, open: (doc: Y.Doc) => DocumentHandle): () => void {
  const opened = new Map<Y.Doc, DocumentHandle>()
  let doc = parent.doc
  const want = (subdocument: Y.Doc) => {
    if (subdocument.shouldLoad && !opened.has(subdocument)) opened.set(subdocument, open(subdocument))
  }
  const drop = (subdocument: Y.Doc) => {
    void opened.get(subdocument)?.close()
    opened.delete(subdocument)
  }
  // one that can't be opened must neither stop Yjs nor the others
  const changed = ({ loaded, removed }: Changes) => {
    for (const each of removed) guarded(() => drop(each))
    for (const each of loaded) {
      each.shouldLoad = true // Yjs says so only after this event
      guarded(() => want(each))
    }
  }
  const watch = () => {
    doc.on('subdocs', changed)
    for (const each of doc.subdocs) guarded(() => want(each))
  }
  const unwatch = () => {
    doc.off('subdocs', changed)
    for (const each of [...opened.keys()]) drop(each)
  }
  const stopFollowing = parent.on('replaced', (replacement) => {
    const guids = new Set([...opened.keys()].map(({ guid }) => guid))
    unwatch()
    doc = replacement.doc
    watch()
    for (const each of doc.subdocs) if (guids.has(each.guid)) each.load()
  })
  watch()
  return () => {
    stopFollowing()
    unwatch()
  }
}
