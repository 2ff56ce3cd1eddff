import type { Command } from 'commander'
import { Option } from 'commander'
import { openHocuspocusSqlite } from '../import/hocuspocusSqlite.js'
import { type ImportResult, type ImportTally, importSource } from '../import/importer.js'
import { nameFromUrl } from '../import/names.js'
import type { Source } from '../import/source.js'
import { openYLeveldb } from '../import/yLeveldb.js'
import { withLog } from './data.js'
import { dataSetting } from './setting.js'
import { complain, counted, grouped, printable, printableJson, printLine } from './terminal.js'

const progressMs = 2_000

interface ImportOptions {
  readonly data: string
  readonly names?: 'url' | 'plain'
  readonly json?: true
}

/** Adds `syncline import`, for who comes from another server. */
export function addMovingIn(program: Command): void {
  const moving = program
    .command('import')
    .description('Imports all documents of another server, while neither runs. Run it again after an interruption.')
  addSource(moving, 'y-leveldb', 'directory', 'the database of y-leveldb 0.1 or 0.2', openYLeveldb).addOption(
    new Option('--names <how>', 'url: decoded, as in the URLs of y-websocket; plain: as they are')
      .choices(['url', 'plain'])
      .default('url'),
  )
  addSource(moving, 'hocuspocus-sqlite', 'file', 'the database of @hocuspocus/extension-sqlite', openHocuspocusSqlite)
}

function addSource(
  moving: Command,
  name: string,
  argument: string,
  description: string,
  open: (path: string) => Promise<Source>,
): Command {
  return moving
    .command(name)
    .argument(`<${argument}>`, description)
    .description(`Imports ${description}.`)
    .addOption(dataSetting())
    .option('--json', 'the result as JSON')
    .action(async (path: string, options: ImportOptions) => {
      const { tally, cut } = await runImport(await open(path), options)
      await printLine(options.json ? printableJson(tally) : textOf(tally))
      if (cut !== null) throw cut
      if (tally.failed + tally.incomplete > 0) process.exitCode = 1
    })
}

async function runImport(source: Source, { data, names }: ImportOptions): Promise<ImportResult> {
  try {
    return await withLog(data, 'create', (log) =>
      importSource(log, source, {
        workDirectory: data,
        rename: names === 'url' ? nameFromUrl : (name) => name,
        now: Date.now,
        onProgress: progress(),
        onProblem: (name, { code, message }) => {
          complain(`syncline: ${printable(JSON.stringify(name))}: ${code}: ${printable(message)}`)
        },
      }),
    )
  } finally {
    await source.close()
  }
}

/** Tells from time to time how far it is. */
function progress(): (tally: Readonly<ImportTally>) => void {
  let told = performance.now()
  return ({ documents, bytes }) => {
    if (performance.now() < told + progressMs) return
    told = performance.now()
    complain(`syncline: ${counted(documents, 'document')} so far, ${counted(bytes, 'byte')} imported`)
  }
}

function textOf(tally: Readonly<ImportTally>): string {
  const { documents, added, merged, unchanged, empty, incomplete, failed, withMetadata, bytes } = tally
  const parts = Object.entries({ new: added, merged, unchanged, empty, 'not imported': failed })
    .filter(([, count]) => count > 0)
    .map(([what, count]) => `${grouped(count)} ${what}`)
  const lines = [
    [counted(documents, 'document'), ...parts, `${counted(bytes, 'byte')} imported`].join(', '),
    incomplete > 0 && `Of ${grouped(incomplete)} something was left out, because it refers to what is missing.`,
    withMetadata > 0 && `Metadata beside ${counted(withMetadata, 'document')} was not imported.`,
  ]
  return lines.filter((line) => line !== false).join('\n')
}
