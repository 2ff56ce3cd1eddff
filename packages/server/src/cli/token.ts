import { SynclineError } from '@syncline/protocol'
import type { Command } from 'commander'
import { isSubject } from '../auth/authorize.js'
import { lifetimeMsMax } from '../auth/revocations.js'
import { readSecret, secretInEnvironment, secretSetting } from './auth.js'
import { jsonOption, setting } from './setting.js'
import { printableJson, printLine } from './terminal.js'

interface TokenOptions {
  readonly subject: string
  readonly document?: readonly string[]
  readonly admin?: true
  readonly expiresIn: string
  readonly json?: true
  readonly jwtSecretFile?: string
  readonly jwtIssuer?: string
  readonly jwtAudience?: string
}

const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Adds `syncline token`. */
export function addToken(program: Command): void {
  program
    .command('token')
    .description('Prints a token for development, signed with the secret that the relay has too.')
    .requiredOption('--subject <name>', 'whose token it is')
    .option(
      '--document <name:access>',
      'what it allows, such as notes/*:write or plan:read; repeatable',
      (given: string, list: string[] | undefined) => [...(list ?? []), given],
    )
    .option('--admin', 'an operator: may operate the relay, and read every document')
    .option('--expires-in <time>', 'such as 90s, 15m, 1h or 7d', '1h')
    .addOption(secretSetting())
    .addOption(setting('jwt-issuer', '<iss>', 'the issuer'))
    .addOption(setting('jwt-audience', '<aud>', 'the audience'))
    .addOption(jsonOption())
    .action(async (options: TokenOptions) => {
      const token = await tokenOf(options)
      await printLine(options.json ? printableJson({ token }) : token)
    })
}

async function tokenOf(options: TokenOptions): Promise<string> {
  const { subject, document = [], admin, expiresIn, jwtIssuer, jwtAudience } = options
  if (!isSubject(subject)) throw new SynclineError('invalid_option', '--subject: expected 1 to 256 bytes')
  if (document.length === 0 && !admin)
    throw new SynclineError('invalid_option', '--document or --admin: it allows nothing')
  const documents = Object.fromEntries(document.map(parseDocument))
  const secret = await readSecret(options.jwtSecretFile, secretInEnvironment().jwtSecret)
  const { SignJWT } = await import('jose') // some 35 ms, that no other command needs
  const now = Date.now()
  const unsigned = new SignJWT({ documents, ...(admin && { admin }) })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(subject)
    .setIssuedAt(new Date(now))
    .setExpirationTime(new Date(now + parseTime(expiresIn)))
  if (jwtIssuer !== undefined) unsigned.setIssuer(jwtIssuer)
  if (jwtAudience !== undefined) unsigned.setAudience(jwtAudience)
  return unsigned.sign(new TextEncoder().encode(secret))
}

function parseDocument(given: string): [string, string] {
  const [, name, access] = /^(.+):(read|write)$/.exec(given) ?? []
  if (name !== undefined && access !== undefined) return [name, access]
  throw new SynclineError('invalid_option', `--document: expected ${JSON.stringify(given)} to end with :read or :write`)
}

function parseTime(given: string): number {
  const [, count, unit] = /^(\d{1,9})([smhd])$/.exec(given) ?? []
  const ms = Number(count) * (unitMs[unit ?? ''] ?? Number.NaN)
  if (ms > 0 && ms <= lifetimeMsMax) return ms
  throw new SynclineError('invalid_option', '--expires-in: expected a time such as 90s, 15m, 1h or 7d, and 30d at most')
}
