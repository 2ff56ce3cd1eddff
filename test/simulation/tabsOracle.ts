import type { DocumentHandle } from '@syncline/client'
import { admitUpdate, Coverage, defaultLimits } from '@syncline/protocol'
import * as Y from 'yjs'
import type { Disk } from './log.js'
import { isDeep, isKeptIn, isReached } from './oracle.js'
import type { SimTab } from './tab.js'

interface Edit {
  readonly tab: SimTab
  readonly document: string
  readonly update: Uint8Array
  /** the tab has said that it would outlive it */
  promised: boolean
}

/** Knows what tabs promised their people: kept is not lost with the tab, saved is on the relay's disk, synced lacks nothing. */
export class TabsOracle {
  readonly #disk: Disk
  readonly #edits: Edit[] = []
  /** those that are not yet asked about, by document handle */
  readonly #fresh = new Map<DocumentHandle, Edit[]>()
  readonly #saved: Edit[] = []
  /** what went wrong while nobody could be told */
  readonly broken: string[] = []
  kept = 0

  constructor(disk: Disk) {
    this.#disk = disk
  }

  get edits(): number {
    return this.#edits.length
  }

  get saved(): number {
    return this.#saved.length
  }

  opened(tab: SimTab, handle: DocumentHandle): void {
    const { name } = handle
    const before = this.#saved.filter((edit) => edit.document === name).map((edit) => edit.update)
    handle.synced.then(
      () => {
        if (!contains(handle.doc, before)) this.broken.push(`${name}: synced, but something saved is missing`)
      },
      () => undefined,
    )
    this.watch(tab, handle)
  }

  /** What is typed into the present replica. Of an older one nobody asks any more: what was refused of it has been told. */
  watch(tab: SimTab, handle: DocumentHandle): void {
    const { doc, name } = handle
    this.#fresh.delete(handle)
    doc.on('update', (update: Uint8Array, _origin: unknown, _doc: Y.Doc, { local }: Y.Transaction) => {
      // nothing of an old one is synced
      if (!local || doc !== handle.doc) return
      const edit: Edit = { tab, document: name, update, promised: false }
      this.#edits.push(edit)
      this.#fresh.set(handle, [...(this.#fresh.get(handle) ?? []), edit])
    })
  }

  /** Something was typed: asks what becomes of it, as an application does. */
  typed(tab: SimTab, handle: DocumentHandle): void {
    const edits = this.#fresh.get(handle) ?? []
    this.#fresh.delete(handle)
    const kept = () => {
      if (tab.isGone) return
      for (const edit of edits) edit.promised = true
      this.kept += edits.length
    }
    const saved = () => {
      if (tab.isGone) return
      for (const edit of edits) {
        if (!this.#isDurable(edit)) this.broken.push(`${edit.document}: saved, but not on disk`)
        edit.promised = true
        this.#saved.push(edit)
      }
    }
    handle.keptLocally().then(kept, () => undefined)
    handle.saved().then(saved, () => undefined)
  }

  /** What it had not promised may go with it. */
  killed(tab: SimTab): void {
    for (const edit of [...this.#edits]) {
      if (edit.tab === tab && !edit.promised) this.#edits.splice(this.#edits.indexOf(edit), 1)
    }
  }

  /** Everything that was promised, and everything typed in tabs that are there, is in what a fresh load gives, or set aside. */
  check(document: string, fresh: Y.Doc): void {
    for (const { update, tab } of this.#edits.filter((edit) => edit.document === document)) {
      const refused = tab.device.databases.get(document)!.copy.refused
      if (!isKeptIn(update, refused, fresh)) throw new Error(`${document}: an edit is lost`)
    }
  }

  #isDurable({ document, update }: Edit): boolean {
    const coverage = this.#disk.documents.get(document)?.coverage ?? new Coverage()
    return isDeep(update) ? isReached(update, (client) => coverage.clock(client)) : isCovered(coverage, update)
  }
}

/** A replica may hold what no relay takes, and what will be refused: it is asked, not its encoding. */
function contains(doc: Y.Doc, updates: readonly Uint8Array[]): boolean {
  const clocks = Y.decodeStateVector(Y.encodeStateVector(doc))
  const deleted = Y.createDeleteSetFromStructStore(doc.store)
  return updates.every((update) => {
    const { ds } = Y.decodeUpdate(update)
    const areDeleted = [...ds.clients].every(([client, ranges]) =>
      ranges.every(({ clock, len }) => {
        const within = deleted.clients.get(client) ?? []
        return within.some((range) => range.clock <= clock && clock + len <= range.clock + range.len)
      }),
    )
    return areDeleted && isReached(update, (client) => clocks.get(client) ?? 0)
  })
}

// judging adds what is new to the coverage: where something was, the world ends with an error anyway
function isCovered(coverage: Coverage, update: Uint8Array): boolean {
  const admission = admitUpdate(coverage, update, defaultLimits)
  return admission.update === null && admission.complete
}
