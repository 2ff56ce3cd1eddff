import type { Command } from 'commander'
import { nameMatcher } from '../names.js'
import { replayStopped, statusStopped } from '../webhooks/stopped.js'
import type { WebhookStatus } from '../webhooks/webhooks.js'
import { relayOrLog } from './relayOrLog.js'
import { sharedDataSetting } from './setting.js'
import { counted, printable, printableJson, printLine } from './terminal.js'

interface DataOption {
  readonly data: string
}

/** Adds `syncline webhook`. */
export function addWebhook(program: Command): void {
  const webhook = program.command('webhook').description('Shows what webhooks did not take, and tells it once more.')
  webhook
    .command('list')
    .description('Lists what was given up after all attempts, and counts what is still to be told.')
    .option('--json', 'as JSON')
    .addOption(sharedDataSetting())
    .action(async ({ data, json }: DataOption & { readonly json?: true }) => {
      const asked = { path: '/webhooks' } as const
      const status = await relayOrLog<WebhookStatus>(data, asked, statusStopped)
      if (json) return printLine(printableJson(status, 2))
      for (const { since, document, url, events, attempts, reason } of status.setAside) {
        const what = `${JSON.stringify(document)} ${events.join(' ')} ${url}`
        await printLine(printable(`${since} ${what}: ${counted(attempts, 'attempt')}, ${reason}`))
      }
      await printLine(`${counted(status.setAside.length, 'event')} given up; ${status.pending} to be told`)
    })
  webhook
    .command('replay')
    .description('Tells what was given up once more, now or when the relay runs again.')
    .option('--documents <pattern>', 'of these documents; * stands for any characters', '*')
    .option('--json', 'as JSON')
    .addOption(sharedDataSetting())
    .action(async ({ data, documents, json }: DataOption & { readonly documents: string; readonly json?: true }) => {
      const asked = { path: '/webhooks/replay', body: { documents } } as const
      const { replayed } = await relayOrLog(data, asked, (log) => replayStopped(log, nameMatcher([documents])))
      await printLine(json ? printableJson({ replayed }) : `${counted(replayed, 'event')} to be told once more`)
    })
}
