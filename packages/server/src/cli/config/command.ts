import type { Command, Option } from 'commander'
import { secretVariable } from '../auth.js'
import { printable, printableJson, printLine } from '../terminal.js'
import { configFileOf, type Origin, originOf } from './apply.js'

/** A setting in force. */
interface Setting {
  /** the key in a file; `--log-level` is `logLevel` */
  readonly name: string
  /** null where nothing is set */
  readonly value: unknown
  readonly from: Origin
  /** the variable or the file, where it is from one */
  readonly at?: string
}

/**
 * Adds `syncline config`, which takes all that `serve` takes.
 *
 * @param check throws `invalid_option` where `serve` would not start with these settings
 */
export function addConfig(program: Command, serve: Command, check: (given: object, command: Command) => void): void {
  const command = program
    .command('config')
    .description('Prints the settings that `serve` would have here, and where each is from; ends with 2 if it refused.')
  for (const option of serve.options) command.addOption(option)
  command.option('--json', 'as JSON').action(async (given: { readonly json?: true }) => {
    const settings = [...serve.options.map((option) => settingOf(command, option)), ...secretSettings()]
    const file = configFileOf(command)
    if (given.json) await printLine(printableJson({ file, settings }, 2))
    else await printLine(tableOf(file, settings))
    check(given, command)
  })
}

function settingOf(command: Command, option: Option): Setting {
  const name = option.attributeName()
  const from = originOf(command, option)
  const given: unknown = command.getOptionValue(name) ?? null
  const value = name.endsWith('Secret') && given !== null ? notShown : withoutSecrets(given)
  if (from === 'environment') return { name, value, from, at: option.envVar! }
  if (from === 'file') return { name, value, from, at: configFileOf(command)! }
  return { name, value, from }
}

/** A secret is never shown, nor how long it is. */
const notShown = '(not shown)'

function secretSettings(): Setting[] {
  if (!process.env[secretVariable]) return []
  return [{ name: 'jwtSecret', value: notShown, from: 'environment', at: secretVariable }]
}

/** A URL may carry a password, or a key in its query. */
function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets)
  if (typeof value !== 'string' || !URL.canParse(value)) return value
  const url = new URL(value)
  if (url.username === '' && url.password === '' && url.search === '') return value
  const query = url.search === '' ? '' : '?…'
  const user = url.username === '' && url.password === '' ? '' : '…@'
  return `${url.protocol}//${user}${url.host}${url.pathname}${query}`
}

function tableOf(file: string | null, settings: readonly Setting[]): string {
  const rows = settings.map(({ name, value, from, at }) => [
    name,
    textOf(value),
    at === undefined ? from : `${from} ${at}`,
  ])
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]!.length)))
  const lines = rows.map(([name, value, from]) => `${name!.padEnd(widths[0]!)}  ${value!.padEnd(widths[1]!)}  ${from}`)
  return [file === null ? 'no file of settings' : `file ${printable(file)}`, '', ...lines.map(printable)].join('\n')
}

function textOf(value: unknown): string {
  if (value === null) return '-'
  return Array.isArray(value) ? value.join(', ') : String(value)
}
