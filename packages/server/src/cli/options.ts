import { statSync } from 'node:fs'
import { isIP } from 'node:net'
import { SynclineError } from '@syncline/protocol'
import { Command, type Option } from 'commander'
import { z } from 'zod'
import type { SubdocumentAccess } from '../auth/index.js'
import type { TrustProxy } from '../limits/address.js'
import type { RelayLimits } from '../limits/limits.js'
import { type LogLevel, logLevels } from '../logger.js'
import { QuietHours } from '../maintenance/quietHours.js'
import { type RetentionRule, retentionRule } from '../maintenance/retention.js'
import { isOrigin } from '../upgrade.js'
import { version } from '../version.js'
import { type AuthOptions, authFault, authOf, authSettings, authShape, secretInEnvironment } from './auth.js'
import { type BackendOptions, backendFault, backendOf, backendSettings, backendShape } from './backend.js'
import { addBackup } from './backup.js'
import { addCheck } from './check.js'
import { addConfigFile, nameOfSetting } from './config/apply.js'
import { addConfig } from './config/command.js'
import { addDoc } from './doc/command.js'
import { addMovingIn } from './import.js'
import { amountOf, limitSettings, limitsShape } from './limits.js'
import { addLoad } from './load/command.js'
import { addLogName } from './logs/command.js'
import { type LogSettings, logFormats } from './logs/logger.js'
import { addRevoke } from './revoke.js'
import { collectList, flagOf, inGroup, setting, switchValue } from './setting.js'
import { addStatus } from './status.js'
import { addToken } from './token.js'
import { addTop } from './top/command.js'
import { addWebhook } from './webhook.js'

/** What `syncline serve` was asked for. */
export interface ServeOptions {
  readonly host: string
  readonly port: number
  readonly data: string
  readonly logLevel: LogLevel
  readonly logFormat: LogSettings['logFormat']
  /** hashes instead of names of documents and people */
  readonly logHashNames: boolean
  /** whether reads and commits are spans of OpenTelemetry */
  readonly traces: boolean
  /** a directory of static files, or null */
  readonly static: string | null
  readonly allowOrigins: readonly string[]
  /** patterns of names of documents */
  readonly keepHistory: readonly string[]
  readonly deleteAfter: readonly RetentionRule[]
  readonly quietHours: QuietHours | null
  /** of what is read over HTTP, or null for the default */
  readonly cacheControl: string | null
  /** bytes to leave free on the disk, or null for the default */
  readonly diskReserve: number | null
  /** where `/metrics` is served on this machine, or null */
  readonly metricsPort: number | null
  readonly auth: AuthOptions
  /** documents that everybody may read: patterns of names */
  readonly publicRead: readonly string[]
  readonly subdocumentAccess: SubdocumentAccess
  readonly backend: BackendOptions
  /** those that differ from the defaults */
  readonly limits: Partial<RelayLimits>
  readonly trustProxy: TrustProxy
  /** files of certificate and key, or null for plain HTTP */
  readonly tls: { readonly cert: string; readonly key: string } | null
}

const portNumber = z
  .string()
  .regex(/^\d{1,5}$/, 'expected a number from 0 to 65535')
  .transform(Number)
  .refine((port) => port <= 65_535, 'expected a number from 0 to 65535')

const serveSchema = z
  .object({
    host: z.string().min(1, 'expected an address or a name'),
    port: portNumber,
    metricsPort: portNumber.nullable().default(null),
    data: z.string().min(1, 'expected a directory'),
    logLevel: z.enum(logLevels, `expected one of ${logLevels.join(', ')}`),
    logFormat: z.enum(logFormats, `expected one of ${logFormats.join(', ')}`).default('auto'),
    logHashNames: switchValue,
    traces: switchValue,
    static: z.string().refine(isDirectory, 'expected a directory that exists').nullable().default(null),
    allowOrigin: z
      .array(
        z
          .string()
          .refine(
            (origin) => origin === '*' || isOrigin(origin),
            'expected an origin such as https://app.example.com, or *',
          ),
      )
      .default([]),
    keepHistory: z.array(z.string().min(1, 'expected a pattern of names such as notes/*')).default([]),
    deleteAfter: z
      .array(z.string())
      .default([])
      .transform((given, context) =>
        given.map(
          (text) => retentionRule(text) ?? refuse(context, 'expected days such as 90, 7=drafts/* or never=plan'),
        ),
      ),
    quietHours: z
      .string()
      .transform((text, context) => QuietHours.parse(text) ?? refuse(context, 'expected hours such as 02:00-05:00'))
      .nullable()
      .default(null),
    cacheControl: z
      .string()
      .regex(/^[\x20-\x7e]{1,200}$/, 'expected a value such as "public, max-age=5"')
      .nullable()
      .default(null),
    diskReserve: z
      .string()
      .regex(/^\d{1,9}(KiB|MiB|GiB)?$/, 'expected bytes, such as 500000000, 512MiB or 2GiB')
      .transform((text) => amountOf(text)!)
      .nullable()
      .default(null),
    subdocumentAccess: z.enum(['parent', 'own'], 'expected parent or own').default('parent'),
    tlsCert: z.string().optional(),
    tlsKey: z.string().optional(),
    ...limitsShape,
    ...authShape,
    ...backendShape,
  })
  .superRefine((given, context) => {
    const fault = authFault(given, isLoopback(given.host)) ?? backendFault(given)
    if (fault !== null) context.addIssue({ code: 'custom', path: [fault.path], message: fault.message })
  })
  .refine(({ tlsCert, tlsKey }) => (tlsCert === undefined) === (tlsKey === undefined), {
    path: ['tlsCert'],
    message: 'a certificate and its key go together: --tls-cert and --tls-key',
  })

function refuse(context: z.RefinementCtx, message: string): never {
  context.addIssue({ code: 'custom', message })
  return z.NEVER
}

/** The command line of `syncline`; `serve` is called with what was asked for. */
export function createProgram(serve: (options: ServeOptions) => Promise<void>): Command {
  const program = new Command('syncline')
    .description('A relay for documents that several people edit at once: what it calls saved is on disk.')
    .version(version)
    .exitOverride()
    .configureOutput({
      outputError: (text, write) => write(text.replace(/^error: /, 'syncline: invalid_option: ')),
    })
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', examples)
  addConfigFile(program)
  program.commandsGroup('Serving:')
  const serving = program
    .command('serve')
    .description(
      'Serves documents: /sync for Syncline clients, /y/<document> for y-websocket clients, /api/v1 over HTTP.',
    )
  for (const option of serveSettings()) serving.addOption(option)
  const parse = (given: object, command: Command) =>
    parseServeOptions({ ...given, ...secretInEnvironment() }, (key) => nameOfSetting(command, key))
  serving.exitOverride().action((given, command) => serve(parse(given, command)))
  addConfig(program, serving, parse)
  addStatus(program)
  addLogName(program)
  program.commandsGroup('Documents:')
  addDoc(program)
  addMovingIn(program)
  program.commandsGroup('Storage:')
  addBackup(program)
  addCheck(program)
  addWebhook(program)
  program.commandsGroup('Access:')
  addToken(program)
  addRevoke(program)
  addTop(program)
  addLoad(program)
  return program
}

const examples = `
Examples:
  syncline serve --data ./data                      a relay for this machine, at http://127.0.0.1:4321
  syncline serve --host 0.0.0.0 --jwt-secret-file secret.txt --tls-cert cert.pem --tls-key key.pem
  syncline config                                   what serve would do here, and why
  syncline backup /backups/monday                   while the relay runs
  syncline doc list --prefix notes/

Every flag that names a variable may be set there, or in syncline.config.json: --log-level is SYNCLINE_LOG_LEVEL and
"logLevel". A flag wins over the environment, that over the file. What ends well ends with 0, what failed with 1, what was
asked for in a way that makes no sense with 2.`

/** The settings of \`syncline serve\`, in groups, as its help shows them. */
export function serveSettings(): Option[] {
  const documents = [
    setting('data', '<directory>', 'where the documents are kept').default('./data'),
    setting(
      'keep-history',
      '<pattern>',
      'keep every change of documents with such names; repeatable, * stands for any characters',
    ).argParser(collectList),
    setting(
      'delete-after',
      '<days[=pattern]>',
      'delete documents that nobody has changed for so long, such as 90, 7=drafts/* or never=plan; repeatable',
    ).argParser(collectList),
    setting(
      'quiet-hours',
      '<from-to>',
      'compact what can wait in these hours, such as 02:00-05:00 (default: any time)',
    ),
    setting(
      'disk-reserve',
      '<bytes>',
      'take no edits while less is free on the disk, such as 512MiB (default: 256MiB or 1% of the disk)',
    ),
  ]
  const listening = [
    setting('port', '<number>', 'port to listen on; 0 picks a free one').default('4321'),
    setting('host', '<address>', 'address to listen on').default('127.0.0.1'),
    setting('tls-cert', '<file>', 'serve https:// and wss:// with this certificate, as PEM'),
    setting('tls-key', '<file>', 'its key'),
    setting('static', '<directory>', 'also serve the files of a web application'),
    setting('allow-origin', '<origin>', 'let pages of this origin connect; repeatable, * is everyone').argParser(
      collectList,
    ),
    setting('cache-control', '<value>', 'of documents that are read over HTTP (default: private, no-cache)'),
  ]
  const subdocumentAccess = setting(
    'subdocument-access',
    '<whose>',
    'whose grants open a subdocument: parent (default), or own alone',
  )
  const watching = [
    setting('log-level', '<level>', `what to log on stderr: ${logLevels.join(', ')}`).default('info'),
    setting('log-format', '<format>', `${logFormats.join(', ')}; auto is text on a terminal, else json`).default(
      'auto',
    ),
    setting('log-hash-names', '[yes]', 'log hashes instead of names of documents and people').preset('yes'),
    setting('traces', '[yes]', 'make spans for OpenTelemetry, whose SDK is loaded by node --import').preset('yes'),
    setting('metrics-port', '<number>', 'serve /metrics for Prometheus on this port of 127.0.0.1'),
  ]
  return [
    ...inGroup('Where it listens:', listening),
    ...inGroup('What it keeps:', documents),
    ...inGroup('Who may do what:', [...authSettings(), subdocumentAccess]),
    ...inGroup('How much they may take:', limitSettings()),
    ...inGroup('What it tells the application:', backendSettings()),
    ...inGroup('What it tells its operator:', watching),
  ]
}

/**
 * Checks what commander collected.
 *
 * @param nameOf a setting as whoever set it knows it
 * @throws SynclineError `invalid_option`
 */
export function parseServeOptions(given: unknown, nameOf: (key: string) => string = flagOf): ServeOptions {
  const parsed = serveSchema.safeParse(given)
  if (!parsed.success) {
    const faults = parsed.error.issues.map(({ path, message }) => `${nameOf(String(path[0]))}: ${message}`)
    throw new SynclineError('invalid_option', faults.join('; '))
  }
  const { host, port, data, logLevel, keepHistory, diskReserve, allowOrigin, tlsCert, tlsKey } = parsed.data
  const tls = tlsCert === undefined || tlsKey === undefined ? null : { cert: tlsCert, key: tlsKey }
  const auth = authOf(parsed.data)
  const { deleteAfter, quietHours } = parsed.data
  const {
    static: files,
    cacheControl,
    metricsPort,
    limit: limits,
    trustProxy,
    subdocumentAccess,
    publicRead,
  } = parsed.data
  const { logFormat, logHashNames, traces } = parsed.data
  const resolved = {
    host,
    port,
    data,
    logLevel,
    logFormat,
    logHashNames,
    traces,
    static: files,
    allowOrigins: allowOrigin,
    keepHistory,
    diskReserve,
  }
  return {
    ...resolved,
    deleteAfter,
    quietHours,
    cacheControl,
    metricsPort,
    auth,
    backend: backendOf(parsed.data),
    subdocumentAccess,
    publicRead,
    limits,
    trustProxy,
    tls,
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}

/** True where nobody but this machine can reach what listens on `host`. */
export function isLoopback(host: string): boolean {
  if (isIP(host) === 4) return host.startsWith('127.')
  return host === '::1' || host === 'localhost'
}
