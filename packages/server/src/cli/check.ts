import { randomBytes } from 'node:crypto'
import type { Command } from 'commander'
import type { Examination } from '../log/examine.js'
import { checkLog, type LogCheck, type LogRepair, repairLog } from '../log/maintenance.js'
import type { Repair } from '../log/repair.js'
import type { WriteAheadFault } from '../log/writeAhead.js'
import { assertLog } from './data.js'
import { withProgress } from './progress.js'
import { dataSetting } from './setting.js'
import { counted, printable, printableJson, printLine } from './terminal.js'

interface CheckOptions {
  readonly data: string
  readonly deep?: boolean
  readonly json?: true
}

/** Adds `syncline check` and `syncline repair`. */
export function addCheck(program: Command): void {
  program
    .command('check')
    .description('Reads every byte of every document, and tells what is damaged; ends with 1 where anything is.')
    .addOption(dataSetting())
    .option('--deep', 'also load each document as Yjs does, and compare')
    .option('--json', 'one JSON object a line: each document, then the sum')
    .action(check)
  program
    .command('repair')
    .description('Sets aside what is damaged, so that the rest can be opened. It deletes nothing.')
    .addOption(dataSetting())
    .option('--json', 'one JSON object a line: each document that was repaired, then the sum')
    .action(repair)
}

async function check({ data, deep = false, json }: CheckOptions): Promise<void> {
  await assertLog(data)
  let examined = 0
  const tell = async (found: Examination) => {
    examined++
    if (json) await printLine(printableJson(found))
    else if (found.faults.length > 0) await printLine(textOf(found))
  }
  const sum = await withProgress(
    'check',
    () => checkLog(data, { deep, time: Date.now() }, tell),
    () => `${counted(examined, 'document')} so far`,
  )
  await printLine(json ? printableJson(sum) : sumOf(sum))
  if (sum.damaged > 0 || sum.unreadable !== null || sum.writeAhead.some(({ isEnd }) => !isEnd)) process.exitCode = 1
}

async function repair({ data, json }: CheckOptions): Promise<void> {
  await assertLog(data)
  let repaired = 0
  const options = { time: Date.now(), newEpoch: () => randomBytes(8).toString('hex') }
  const tell = async (done: Repair) => {
    repaired++
    await printLine(json ? printableJson(done) : repairedText(done))
  }
  const repairing = () => repairLog(data, options, tell)
  const sum = await withProgress('repair', repairing, () => `${counted(repaired, 'document')} repaired so far`)
  await printLine(json ? printableJson({ repaired, ...sum }) : repairedSum(repaired, sum))
}

function textOf({ name, position, faults }: Examination): string {
  const lines = faults.map(({ at, position: of, reason }) => {
    return `  ${at}${of === undefined ? '' : ` ${of}`}: ${printable(reason)}`
  })
  return [`${printable(JSON.stringify(name))} is damaged; it is whole up to record ${position}`, ...lines].join('\n')
}

function sumOf({ documents, damaged, writeAhead, copies, unreadable }: LogCheck): string {
  const lines = [...writeAhead.map(writeAheadText), ...copies.map((copy) => `A copy is in ${printable(copy)}`)]
  if (unreadable !== null) lines.push(`LevelDB cannot read its files: ${printable(unreadable)}`)
  return [...lines, `${counted(documents, 'document')}, ${damaged} damaged`].join('\n')
}

function writeAheadText({ file, offset, isEnd }: WriteAheadFault): string {
  const where = `log/${file}, byte ${offset}`
  if (isEnd) return `${where}: the end does not match its checksum, as after a power cut; LevelDB drops it`
  return `${where}: bytes do not match their checksum; LevelDB drops these writes, of whichever document they are`
}

function repairedText({ name, position, hasBase, quarantined }: Repair): string {
  const kept = position === 0 ? 'it begins anew' : `kept up to record ${position}${hasBase ? '' : ', without a base'}`
  return `${printable(JSON.stringify(name))}: ${kept}; ${counted(quarantined, 'value')} set aside`
}

function repairedSum(repaired: number, { copies, isRebuilt }: LogRepair): string {
  const remarks = [
    isRebuilt && 'LevelDB could not read its files. They were rebuilt from what can be read of them.',
    copies.length > 0 && `Copies from before: ${copies.map(printable).join(', ')}`,
  ].filter((remark) => remark !== false)
  return [...remarks, `${counted(repaired, 'document')} repaired`].join('\n')
}
