import type { Command } from 'commander'
import { askRelay } from '../control/client.js'
import { sharedDataSetting } from './setting.js'
import { printableJson, printLine } from './terminal.js'

const exitStopped = 1

/** Adds `syncline status`. */
export function addStatus(program: Command): void {
  program
    .command('status')
    .description('Tells as JSON what the relay of a data directory is doing; ends with 1 where none is running.')
    .addOption(sharedDataSetting())
    .option('--json', 'as it always does')
    .action(async ({ data }: { readonly data: string }) => {
      const status = await askRelay(data, { path: '/status' })
      await printLine(printableJson(status ?? { running: false }, 2))
      if (status === null) process.exitCode = exitStopped
    })
}
