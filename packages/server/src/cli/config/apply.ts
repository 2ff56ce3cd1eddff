import { resolve } from 'node:path'
import { SynclineError } from '@syncline/protocol'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { collectList, flagOf } from '../setting.js'
import { type ConfigFile, readConfigFile } from './file.js'

/** Where the value of a setting is from. */
export type Origin = 'flag' | 'environment' | 'file' | 'default'

const origins: Readonly<Record<string, Origin>> = { cli: 'flag', env: 'environment', config: 'file' }

/** Lets all commands of a program take their settings from a file as well, where neither flag nor environment has them. */
export function addConfigFile(program: Command): void {
  program
    .addOption(
      new Option('--config <file>', 'settings; default: syncline.config.json (.mjs, .js, .ts) in the working directory')
        .env('SYNCLINE_CONFIG')
        .helpGroup('Options:'),
    )
    .hook('preAction', async (_program, command) => {
      const file = await readConfigFile(program.opts<{ config?: string }>().config)
      if (file !== null) apply(file, command, settingsOf(program))
    })
}

/** The file that a program has read its settings from, by name, or null; asked while a command runs. */
export function configFileOf(command: Command): string | null {
  return fileOfCommand.get(command)?.path ?? null
}

/** Where the value of a setting of a command is from. */
export function originOf(command: Command, option: Option): Origin {
  return origins[command.getOptionValueSource(option.attributeName()) ?? ''] ?? 'default'
}

/** A setting as whoever set it knows it: the flag, the variable, or the key in its file. */
export function nameOfSetting(command: Command, key: string): string {
  const option = command.options.find((each) => each.attributeName() === key)
  if (option === undefined) return flagOf(key)
  switch (originOf(command, option)) {
    case 'environment':
      return option.envVar!
    case 'file':
      return `${key} in ${configFileOf(command)}`
    default:
      return option.long!
  }
}

const fileOfCommand = new WeakMap<Command, ConfigFile>()

/** All settings that a file may have: what has a flag and an environment variable, of any command. */
function settingsOf(program: Command): ReadonlyMap<string, Option> {
  const commands = [...program.commands]
  for (const command of commands) commands.push(...command.commands)
  const options = commands.flatMap((command) => command.options).filter((option) => option.envVar !== undefined)
  return new Map(options.map((option) => [option.attributeName(), option]))
}

function apply(file: ConfigFile, command: Command, known: ReadonlyMap<string, Option>): void {
  fileOfCommand.set(command, file)
  for (const [key, value] of Object.entries(file.values)) {
    if (key === '$schema') continue
    if (!known.has(key)) throw invalid(file, key, `there is no such setting${suggestion(key, [...known.keys()])}`)
    const option = command.options.find((each) => each.attributeName() === key && each.envVar !== undefined)
    if (option === undefined || originOf(command, option) !== 'default') continue
    command.setOptionValueWithSource(key, parsed(file, option, value), 'config')
  }
}

/** What commander would make of the same as a flag. */
function parsed(file: ConfigFile, option: Option, value: unknown): unknown {
  const key = option.attributeName()
  const texts = textsOf(value)
  if (texts === null) throw invalid(file, key, 'expected a text, a number, true, false, or a list of these')
  if (option.parseArg !== collectList && typeof value === 'object') {
    throw invalid(file, key, 'expected one value, not several')
  }
  const given = texts.map((text) => (isPath(option) && text !== '' ? resolve(file.directory, text) : text))
  if (!option.parseArg) return given[0]
  try {
    const parse: (text: string, previous: unknown) => unknown = option.parseArg
    return given.reduce<unknown>((previous, text) => parse(text, previous), undefined)
  } catch (error) {
    if (error instanceof InvalidArgumentError) throw invalid(file, key, error.message)
    throw error
  }
}

/** `{ "limit": { "updateBytesMax": "1MiB" } }` says the same as a list of `name=value`. */
function textsOf(value: unknown): string[] | null {
  const isPlain = (each: unknown) => ['string', 'number', 'boolean'].includes(typeof each)
  if (isPlain(value)) return [String(value)]
  if (Array.isArray(value)) return value.every(isPlain) ? value.map(String) : null
  if (typeof value !== 'object' || value === null || !Object.values(value).every(isPlain)) return null
  return Object.entries(value).map(([name, each]) => `${name}=${each}`)
}

function isPath({ flags }: Option): boolean {
  return /<(directory|file)>$/.test(flags)
}

function invalid({ path }: ConfigFile, key: string, reason: string): SynclineError {
  return new SynclineError('invalid_option', `${key} in ${path}: ${reason}`)
}

const distanceMax = 3

/** The known name that is most like a wrong one, as the end of a sentence; nothing where none is alike. */
export function suggestion(wrong: string, known: readonly string[]): string {
  const simple = (name: string) => name.toLowerCase().replace(/[^a-z0-9]/g, '')
  const ranked = known
    .map((name) => ({ name, distance: distanceOf(simple(wrong), simple(name)) }))
    .toSorted((a, b) => a.distance - b.distance)
  const [best] = ranked
  return best !== undefined && best.distance <= distanceMax ? `; is ${best.name} meant?` : ''
}

/** Levenshtein's distance: how many characters have to be put in, taken out or replaced. */
function distanceOf(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + Number(a[i - 1] !== b[j - 1])
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[b.length]!
}
