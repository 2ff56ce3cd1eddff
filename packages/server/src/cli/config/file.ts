import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, extname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { SynclineError } from '@syncline/protocol'

/** Names of the file that is read where none is named, in the working directory. */
export const configFileNames = ['json', 'mjs', 'js', 'ts', 'mts'].map((extension) => `syncline.config.${extension}`)

/** What a file of settings says. */
export interface ConfigFile {
  readonly path: string
  /** its directory: paths in it are relative to that */
  readonly directory: string
  readonly values: Readonly<Record<string, unknown>>
}

/**
 * Reads the file of settings: the one that is named, or the one in the working directory.
 *
 * @param named as somebody wrote it; undefined where nobody did
 * @returns null where there is none
 * @throws SynclineError `invalid_option`
 */
export async function readConfigFile(named: string | undefined, directory = process.cwd()): Promise<ConfigFile | null> {
  const path = named === undefined ? found(directory) : resolve(directory, named)
  if (path === null) return null
  if (!existsSync(path)) throw invalid(path, 'there is no such file')
  const values = extname(path) === '.json' ? await readJson(path) : await importModule(path)
  if (typeof values !== 'object' || values === null || Array.isArray(values)) {
    throw invalid(path, 'expected an object of settings, such as {"port": 4321}')
  }
  return { path, directory: dirname(path), values: values as Record<string, unknown> }
}

function found(directory: string): string | null {
  const names = configFileNames.filter((name) => existsSync(join(directory, name)))
  if (names.length > 1) throw new SynclineError('invalid_option', `Keep one of ${names.join(' and ')}`)
  return names[0] === undefined ? null : join(directory, names[0])
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    throw invalid(path, (error as Error).message)
  }
}

async function importModule(path: string): Promise<unknown> {
  const extension = extname(path)
  if (!['.mjs', '.js', '.ts', '.mts'].includes(extension)) {
    throw invalid(path, 'expected a name that ends with .json, .mjs, .js, .ts or .mts')
  }
  if (extension.endsWith('ts') && !stripsTypes()) {
    throw invalid(
      path,
      `this is Node ${process.version}, and TypeScript needs 22.18 or newer; name it .mjs or .json, without types`,
    )
  }
  try {
    return ((await import(pathToFileURL(path).href)) as { readonly default?: unknown }).default
  } catch (error) {
    throw invalid(path, (error as Error).message)
  }
}

/** Node knows by itself since 22.18. */
function stripsTypes(): boolean {
  return Boolean((process.features as { readonly typescript?: unknown }).typescript)
}

function invalid(path: string, reason: string): SynclineError {
  return new SynclineError('invalid_option', `${path}: ${reason}`)
}
