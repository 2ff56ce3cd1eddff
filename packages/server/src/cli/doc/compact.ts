import { SynclineError } from '@syncline/protocol'
import type { Command } from 'commander'
import { systemClock } from '../../clock.js'
import { Compactor } from '../../compaction/compactor.js'
import { CompactionThread } from '../../compaction/thread.js'
import { newCounters } from '../../counters.js'
import type { LevelLog } from '../../log/index.js'
import { createLogger } from '../../logger.js'
import { nameMatcher } from '../../names.js'
import { relayOrLog } from '../relayOrLog.js'
import { collectList, jsonOption, setting, sharedDataSetting } from '../setting.js'
import { printable, printableJson, printLine } from '../terminal.js'

interface CompactOptions {
  readonly data: string
  readonly keepHistory?: readonly string[]
  readonly json?: true
}

/** Adds `syncline doc compact`. */
export function addCompact(doc: Command): void {
  doc
    .command('compact')
    .argument('<name>')
    .description('Makes one update of all that a document has, whether that is due or not.')
    .addOption(sharedDataSetting())
    .addOption(setting('keep-history', '<pattern>', 'as for `serve`, where no relay is running').argParser(collectList))
    .addOption(jsonOption())
    .action(async (name: string, { data, keepHistory = [], json }: CompactOptions) => {
      const asked = { path: '/documents/compact', body: { name } } as const
      await relayOrLog(data, asked, async (log) => compact(log, name, keepHistory))
      await printLine(json ? printableJson({ name, compacted: true }) : `${printable(JSON.stringify(name))} is compact`)
    })
}

async function compact(log: LevelLog, name: string, keepHistory: readonly string[]): Promise<object> {
  if ((await log.read(name)) === null) throw new SynclineError('no_document', JSON.stringify(name))
  const compactor = new Compactor(log, {
    clock: systemClock,
    logger: createLogger('silent'),
    counters: newCounters(),
    thread: new CompactionThread(systemClock),
    isOpen: () => false,
    keepsHistory: nameMatcher(keepHistory),
    compacted: () => {},
    storageFailed: () => {},
  })
  try {
    await compactor.compact(name)
    return {}
  } finally {
    await compactor.close()
  }
}
