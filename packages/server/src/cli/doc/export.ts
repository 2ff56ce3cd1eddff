import { type Log, mergeUpdates } from '@syncline/protocol'
import { type Command, Option } from 'commander'
import { updatesOf } from '../../import/addition.js'
import { documentToJson } from '../../import/json/toJson.js'
import { load } from '../../import/verify.js'
import { readDocument, withLog } from '../data.js'
import { dataSetting } from '../setting.js'
import { printableJson, printTo } from '../terminal.js'

interface ExportOptions {
  readonly data: string
  readonly format: 'update' | 'json'
  readonly out?: string
}

/** Adds `syncline doc export`. */
export function addExport(doc: Command): void {
  doc
    .command('export')
    .argument('<name>', 'the document')
    .description('Writes a document out: as one Yjs update with all that it has, or as JSON with what it says.')
    .addOption(dataSetting())
    .addOption(formatOption('what to write'))
    .option('--out <file>', 'where to; default: stdout')
    .action(async (name: string, { data, format, out }: ExportOptions) => {
      await printTo(out, await withLog(data, 'refuse', (log) => exported(log, name, format)))
    })
}

/** The form in which a document is exported and imported. */
export function formatOption(description: string): Option {
  return new Option('--format <format>', description).choices(['update', 'json']).default('update')
}

async function exported(log: Log, name: string, format: ExportOptions['format']): Promise<string | Uint8Array> {
  const updates = updatesOf(await readDocument(log, name))
  if (format === 'update') return mergeUpdates(updates)
  return `${printableJson(documentToJson(load(updates)), 2)}\n`
}
