import { createReadStream } from 'node:fs'
import { assertDocumentName, type Log, SynclineError } from '@syncline/protocol'
import type { Command } from 'commander'
import * as Y from 'yjs'
import { type Addition, additionTo } from '../../import/addition.js'
import { documentFromJson } from '../../import/json/fromJson.js'
import { withLog } from '../data.js'
import { dataSetting, jsonOption } from '../setting.js'
import { grouped, printable, printableJson, printLine } from '../terminal.js'
import { formatOption } from './export.js'

// a document has 64 MiB at most, and is some times larger as JSON
const inputBytesMax = 256 * 1024 * 1024

interface ImportOptions {
  readonly data: string
  readonly format: 'update' | 'json'
  readonly file?: string
  readonly json?: true
}

/** Adds `syncline doc import`. */
export function addImport(doc: Command): void {
  doc
    .command('import')
    .argument('<name>', 'the document')
    .description('Merges a Yjs update into a document, which may be new, or makes a new one from exported JSON.')
    .addOption(dataSetting())
    .addOption(formatOption('what is read'))
    .option('--file <file>', 'where from; default: stdin')
    .addOption(jsonOption())
    .action(async (name: string, { data, format, file, json }: ImportOptions) => {
      assertDocumentName(name)
      const input = await readInput(file)
      const update = format === 'json' ? updateFromJson(input) : input
      const addition = await withLog(data, 'create', (log) => merge(log, name, update, format))
      await printLine(json ? printableJson(resultOf(name, addition)) : `${printable(name)}: ${describe(addition)}`)
    })
}

async function merge(log: Log, name: string, update: Uint8Array, format: ImportOptions['format']): Promise<Addition> {
  const addition = await additionTo(log, name, [update], Date.now())
  // its update is new whatever it says, so the document would say everything twice
  if (format === 'json' && !addition.isNew) throw new SynclineError('document_exists', JSON.stringify(name))
  if (addition.missing !== null) throw new SynclineError('incomplete_update', addition.missing)
  if (addition.append !== null) await log.commit([addition.append])
  return addition
}

function updateFromJson(input: Uint8Array): Uint8Array {
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(input))
  } catch (error) {
    throw new SynclineError('malformed_json', (error as Error).message)
  }
  return Y.encodeStateAsUpdate(documentFromJson(json))
}

/** `bytes` is what it added; `position` is null where that was nothing. */
function resultOf(name: string, { append, isNew, bytes }: Addition): object {
  return { name, isNew, bytes: append === null ? 0 : bytes, position: append?.record.position ?? null }
}

function describe({ append, isNew, bytes }: Addition): string {
  if (append === null) return isNew ? 'nothing to import' : 'nothing new'
  return `${grouped(bytes)} bytes ${isNew ? 'in a new document' : 'added'}, position ${append.record.position}`
}

async function readInput(file: string | undefined): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of file === undefined ? process.stdin : createReadStream(file)) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes > inputBytesMax)
      throw new SynclineError('document_too_large', `There are more than ${inputBytesMax} bytes`)
  }
  return Buffer.concat(chunks)
}
