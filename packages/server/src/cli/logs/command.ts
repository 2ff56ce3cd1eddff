import type { Command } from 'commander'
import { assertLog } from '../data.js'
import { sharedDataSetting } from '../setting.js'
import { printableJson, printLine } from '../terminal.js'
import { hiddenName, nameKeyOf } from './names.js'

/** Adds `syncline log-name`. */
export function addLogName(program: Command): void {
  program
    .command('log-name')
    .argument('<name>', 'of a document or a person')
    .description('Tells what stands for a name in the logs of a relay with --log-hash-names.')
    .addOption(sharedDataSetting())
    .option('--json', 'as JSON')
    .action(async (name: string, { data, json }: { readonly data: string; readonly json?: true }) => {
      await assertLog(data)
      const hash = hiddenName(await nameKeyOf(data), name)
      await printLine(json ? printableJson({ name, hash }) : hash)
    })
}
