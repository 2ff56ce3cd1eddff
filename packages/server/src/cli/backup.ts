import { randomBytes } from 'node:crypto'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { BackupManifest } from '../log/index.js'
import { restoreBackup } from '../log/restore.js'
import { withProgress } from './progress.js'
import { relayOrLog } from './relayOrLog.js'
import { setting, sharedDataSetting } from './setting.js'
import { counted, printable, printableJson, printLine } from './terminal.js'

interface BackupOptions {
  readonly data: string
  readonly json?: true
}

/** Adds `syncline backup` and `syncline restore`. */
export function addBackup(program: Command): void {
  program
    .command('backup')
    .argument('<directory>', 'where to write it: a new directory')
    .description('Writes all documents as they are at one moment to a new directory, while the relay runs or not.')
    .addOption(sharedDataSetting())
    .option('--json', 'the manifest as JSON')
    .action(backup)
  program
    .command('restore')
    .argument('<directory>', 'a backup')
    .description('Makes a new data directory from a backup. Clients bring back what they have and it lacks.')
    .addOption(setting('data', '<directory>', 'a new directory, for the documents').default('./data'))
    .option('--json', 'the manifest as JSON')
    .action(restore)
}

async function backup(directory: string, { data, json }: BackupOptions): Promise<void> {
  // the relay has another working directory
  const target = resolve(directory)
  const asked = { path: '/backup', body: { directory: target } } as const
  const manifest = await withProgress('backup', () => relayOrLog(data, asked, (log) => log.backUp(target, Date.now())))
  await printLine(json ? printableJson(manifest) : `${textOf(manifest)} in ${printable(directory)}`)
}

async function restore(directory: string, { data, json }: BackupOptions): Promise<void> {
  const newEpoch = () => randomBytes(8).toString('hex')
  const options = { time: Date.now(), newEpoch }
  const manifest = await withProgress('restore', () => restoreBackup(directory, data, options))
  await printLine(json ? printableJson(manifest) : `${textOf(manifest)} are in ${printable(data)}`)
}

function textOf({ documents, time, files }: BackupManifest): string {
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
  return `${counted(documents, 'document')} as of ${printable(time)}, ${counted(bytes, 'byte')},`
}
