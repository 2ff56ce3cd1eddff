import { InvalidArgumentError, Option } from 'commander'
import { z } from 'zod'

/** A flag with its environment variable: `--log-level` and `SYNCLINE_LOG_LEVEL`. */
export function setting(name: string, value: string, description: string): Option {
  const variable = `SYNCLINE_${name.replaceAll('-', '_').toUpperCase()}`
  return new Option(`--${name} ${value}`, description).env(variable)
}

/** The flag of a setting: `logLevel` is `--log-level`. */
export function flagOf(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}

/** Gives settings a heading in the help. */
export function inGroup(heading: string, settings: readonly Option[]): readonly Option[] {
  return settings.map((option) => option.helpGroup(heading))
}

/** Yes or no: a flag says yes by being there; a variable and a file have to say which. */
export const switchValue = z
  .enum(['yes', 'no', 'true', 'false', '1', '0'], 'expected yes or no')
  .default('no')
  .transform((value) => ['yes', 'true', '1'].includes(value))

/** Gathers what is given several times, or with commas. */
export function collectList(given: string, list: string[] | undefined): string[] {
  return [...(list ?? []), ...given.split(',')]
}

/** The flag by which a command prints for programs. */
export function jsonOption(): Option {
  return new Option('--json', 'the result as JSON')
}

/** The directory of the documents, which every command but `serve` needs closed. */
export function dataSetting(): Option {
  return setting('data', '<directory>', 'where the documents are kept; no relay may be running on it')
    .default('./data')
    .argParser(nonEmpty)
}

/** The same, for commands that ask the relay where one is running. */
export function sharedDataSetting(): Option {
  return setting('data', '<directory>', 'where the documents are kept, whether a relay is running on it or not')
    .default('./data')
    .argParser(nonEmpty)
}

function nonEmpty(value: string): string {
  if (value === '') throw new InvalidArgumentError('expected a directory')
  return value
}
