import { join } from 'node:path'
import type { Command } from 'commander'
import type { Revocation } from '../auth/authorize.js'
import { revocationFile } from '../auth/revocationFile.js'
import { assertRevocation, Revocations } from '../auth/revocations.js'
import { relayOrLog } from './relayOrLog.js'
import { jsonOption, sharedDataSetting } from './setting.js'
import { counted, printableJson, printLine } from './terminal.js'

interface RevokeOptions extends Revocation {
  readonly data: string
  readonly json?: true
}

/** The revocations of a data directory. */
export function revocationsIn(data: string) {
  return revocationFile(join(data, 'revocations.json'))
}

/** Adds `syncline revoke`. */
export function addRevoke(program: Command): void {
  program
    .command('revoke')
    .description('Takes access away at once, and keeps out what was issued before, while the relay runs or not.')
    .option('--subject <name>', 'of this subject')
    .option('--document <name>', 'to this document; without a subject, of everybody')
    .addOption(sharedDataSetting())
    .addOption(jsonOption())
    .action(async ({ data, subject, document, json }: RevokeOptions) => {
      const revocation = {
        ...(subject === undefined ? {} : { subject }),
        ...(document === undefined ? {} : { document }),
      }
      assertRevocation(revocation)
      const { sessions } = await relayOrLog(data, { path: '/revoke', body: revocation }, async () => {
        await new Revocations(revocationsIn(data)).add({ ...revocation, time: Date.now() })
        return { sessions: 0 }
      })
      await printLine(json ? printableJson({ sessions }) : `It is revoked; ${counted(sessions, 'session')} ended`)
    })
}
