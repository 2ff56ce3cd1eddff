import type { Log } from '@syncline/protocol'
import type { Command } from 'commander'
import * as Y from 'yjs'
import { headOf, updatesOf } from '../../import/addition.js'
import { byKey, listLength, mapEntries, type RootKind, rootKind, type SharedType } from '../../import/json/roots.js'
import { load } from '../../import/verify.js'
import { readDocument, withLog } from '../data.js'
import { dataSetting } from '../setting.js'
import { counted, grouped, printable, printableJson, printLine } from '../terminal.js'

interface ShowOptions {
  readonly data: string
  readonly json?: true
}

/** What is told of a document. */
interface DocumentSummary {
  readonly name: string
  readonly epoch: string
  readonly position: number
  /** bytes on disk, of base and records */
  readonly storedBytes: number
  /** bytes of the whole document as one update */
  readonly updateBytes: number
  readonly roots: readonly RootSummary[]
  /** the state vector */
  readonly clients: readonly { readonly client: number; readonly clock: number }[]
}

interface RootSummary {
  readonly name: string
  readonly type: RootKind
  /** characters, items or children */
  readonly length: number
  /** entries or attributes */
  readonly keys: number
}

/** Adds `syncline doc show`. */
export function addShow(doc: Command): void {
  doc
    .command('show')
    .argument('<name>', 'the document')
    .description('Tells what is known of a document: how far it goes, what it weighs, what is in it and from whom.')
    .addOption(dataSetting())
    .option('--json', 'as JSON')
    .action(async (name: string, { data, json }: ShowOptions) => {
      const summary = await withLog(data, 'refuse', (log) => summarise(log, name))
      await printLine(json ? printableJson(summary, 2) : textOf(summary))
    })
}

async function summarise(log: Log, name: string): Promise<DocumentSummary> {
  const stored = await readDocument(log, name)
  const [info] = await log.list({ prefix: name, limit: 1 })
  const doc = load(updatesOf(stored))
  return {
    name,
    epoch: stored.epoch,
    position: headOf(stored).position,
    storedBytes: info?.storedBytes ?? 0,
    updateBytes: Y.encodeStateAsUpdate(doc).length,
    roots: byKey(doc.share).map(([root, type]) => summariseRoot(root, type)),
    clients: [...Y.decodeStateVector(Y.encodeStateVector(doc))].map(([client, clock]) => ({ client, clock })),
  }
}

function summariseRoot(name: string, type: SharedType): RootSummary {
  return { name, type: rootKind(type), length: listLength(type), keys: [...mapEntries(type)].length }
}

function textOf({ name, epoch, position, storedBytes, updateBytes, roots, clients }: DocumentSummary): string {
  const facts = [
    ['document', printable(name)],
    ['epoch', epoch],
    ['position', grouped(position)],
    ['bytes', `${grouped(storedBytes)} on disk, ${grouped(updateBytes)} as one update`],
    ['clients', grouped(clients.length)],
    ['roots', grouped(roots.length)],
  ].map(([label, value]) => `${label!.padEnd(10)}${value}`)
  return [...facts, ...roots.map((root) => `  ${printable(root.name)}: ${contentsOf(root)}`)].join('\n')
}

function contentsOf({ type, length, keys }: RootSummary): string {
  const attributes = keys === 0 ? '' : `, ${counted(keys, 'attribute')}`
  switch (type) {
    case 'text':
      return `text, ${counted(length, 'character')}${attributes}`
    case 'array':
      return `array, ${counted(length, 'item')}${attributes}`
    case 'xmlFragment':
      return `xmlFragment, ${length === 1 ? '1 child' : `${grouped(length)} children`}${attributes}`
    case 'map':
      return `map, ${keys === 1 ? '1 entry' : `${grouped(keys)} entries`}`
    case 'empty':
      return 'empty'
  }
}
