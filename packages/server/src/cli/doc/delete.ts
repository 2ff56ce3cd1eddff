import { randomBytes } from 'node:crypto'
import { createInterface } from 'node:readline/promises'
import { SynclineError } from '@syncline/protocol'
import type { Command } from 'commander'
import { relayOrLog } from '../relayOrLog.js'
import { jsonOption, sharedDataSetting } from '../setting.js'
import { printable, printableJson, printLine } from '../terminal.js'

interface DeleteOptions {
  readonly data: string
  readonly yes?: true
  readonly json?: true
}

/** Adds `syncline doc delete`. */
export function addDelete(doc: Command): void {
  doc
    .command('delete')
    .argument('<name>')
    .description('Deletes a document for good, with its history. It is not opened again until `doc create`.')
    .addOption(sharedDataSetting())
    .option('--yes', 'do not ask')
    .addOption(jsonOption())
    .action(async (name: string, { data, yes, json }: DeleteOptions) => {
      if (!yes) await confirm(name)
      const { deleted } = await relayOrLog(data, { path: '/documents/delete', body: { name } }, async (log) => ({
        deleted: await log.remove(name, Date.now()),
      }))
      if (!deleted) throw new SynclineError('no_document', JSON.stringify(name))
      await printLine(json ? printableJson({ name, deleted }) : `${shown(name)} is deleted`)
    })
}

/** Adds `syncline doc create`. */
export function addCreate(doc: Command): void {
  doc
    .command('create')
    .argument('<name>')
    .description('Lets a document that was deleted begin anew, empty. All others begin when somebody opens them.')
    .addOption(sharedDataSetting())
    .addOption(jsonOption())
    .action(async (name: string, { data, json }: DeleteOptions) => {
      const epoch = randomBytes(8).toString('hex')
      const { created } = await relayOrLog(data, { path: '/documents/create', body: { name } }, async (log) => ({
        created: await log.create(name, epoch),
      }))
      if (!created) throw new SynclineError('no_document', `${JSON.stringify(name)} was not deleted`)
      await printLine(json ? printableJson({ name, created }) : `${shown(name)} can be opened`)
    })
}

async function confirm(name: string): Promise<void> {
  if (!process.stdin.isTTY) throw new SynclineError('invalid_option', '--yes: nobody is here who could be asked')
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await terminal.question(`Delete ${shown(name)} for good, with its history? Type yes: `)
  terminal.close()
  if (answer.trim() !== 'yes') throw new SynclineError('invalid_option', 'Nothing was deleted')
}

function shown(name: string): string {
  return printable(JSON.stringify(name))
}
