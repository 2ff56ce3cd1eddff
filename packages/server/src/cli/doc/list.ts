import type { DocumentInfo, Log } from '@syncline/protocol'
import type { Command } from 'commander'
import { withLog } from '../data.js'
import { dataSetting } from '../setting.js'
import { grouped, print, printable, printableJson } from '../terminal.js'

const pageDocuments = 1_000

interface ListOptions {
  readonly data: string
  readonly prefix: string
  readonly json?: true
}

/** Adds `syncline doc list`. */
export function addList(doc: Command): void {
  doc
    .command('list')
    .description('Lists the documents, in the order of their names: position, bytes on disk, name.')
    .addOption(dataSetting())
    .option('--prefix <prefix>', 'only documents whose names start like this', '')
    .option('--json', 'one JSON object a line')
    .action((options: ListOptions) => withLog(options.data, 'refuse', (log) => list(log, options)))
}

async function list(log: Log, { prefix, json }: ListOptions): Promise<void> {
  const line = json ? jsonLine : textLine
  let after = ''
  for (;;) {
    const page = await log.list({ prefix, after, limit: pageDocuments })
    if (page.length === 0 || !(await print(page.map(line).join('')))) return
    after = page.at(-1)!.name
  }
}

function jsonLine(info: DocumentInfo): string {
  return `${printableJson(described(info))}\n`
}

/** What is told of a document without reading it; one whose head cannot be read has no epoch. */
function described({ name, epoch, position, storedBytes }: DocumentInfo): object {
  return epoch === '' ? { name, damaged: true, position, storedBytes } : { name, epoch, position, storedBytes }
}

function textLine({ name, epoch, position, storedBytes }: DocumentInfo): string {
  const numbers = [grouped(position).padStart(10), grouped(storedBytes).padStart(14)]
  return `${numbers.join('')}  ${printable(name)}${epoch === '' ? '  (damaged)' : ''}\n`
}
