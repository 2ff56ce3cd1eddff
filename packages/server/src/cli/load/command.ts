import { SynclineError } from '@syncline/protocol'
import type { Command } from 'commander'
import { z } from 'zod'
import { setting } from '../setting.js'
import { grouped, printableJson, printLine } from '../terminal.js'
import { tokenFrom } from '../top/source.js'
import type { Spread } from './histogram.js'
import { type LoadResult, runLoad } from './run.js'

const exitLoss = 1
const editsMax = 5_000_000 // some 100 bytes each, made beforehand

const amount = (max: number) => z.coerce.number().int().min(1).max(max)

const schema = z.object({
  people: amount(10_000),
  documents: amount(10_000),
  rate: z.coerce.number().positive().max(1_000),
  seconds: amount(86_400),
  allowHost: z.string().optional(),
  tokenFile: z.string().optional(),
  json: z.literal(true).optional(),
})

/** Adds `syncline load`. */
export function addLoad(program: Command): void {
  program
    .command('load')
    .argument('<url>', 'the relay, such as http://127.0.0.1:4321')
    .description(
      'Lets many people type on a relay, and tells how long it takes until others see it and until it is saved, and ' +
        'whether anything was lost. Ends with 1 where it was.',
    )
    .option('--people <number>', 'how many', '20')
    .option('--documents <number>', 'on how many documents, whose names begin with load-', '1')
    .option('--rate <number>', 'edits of each person a second', '2')
    .option('--seconds <number>', 'for how long', '10')
    .option('--allow-host <host>', 'a host other than this machine that may be put under load')
    .addOption(setting('token-file', '<file>', 'where a token is that may write load-*; or in SYNCLINE_TOKEN'))
    .option('--json', 'print JSON')
    .action((url: string, options: unknown) => load(url, options))
}

async function load(given: string, options: unknown): Promise<void> {
  const parsed = schema.safeParse(options)
  if (!parsed.success) {
    const facts = parsed.error.issues.map(({ path, message }) => `--${String(path[0])}: ${message}`)
    throw new SynclineError('invalid_option', facts.join('; '))
  }
  const { people, documents, rate, seconds, allowHost, tokenFile, json } = parsed.data
  if (people * rate * seconds > editsMax) {
    throw new SynclineError('invalid_option', `That would be more than ${grouped(editsMax)} edits`)
  }
  const url = allowedUrl(given, allowHost)
  const token = await tokenFrom(tokenFile)
  const result = await runLoad({ url, token, people, documents: Math.min(documents, people), rate, seconds })
  await printLine(json ? printableJson(result) : textOf(result))
  if (result.lost > 0 || result.unsaved > 0 || Object.keys(result.ended).length > 0) process.exitCode = exitLoss
}

/** Nobody puts a relay of others under load by a slip. */
function allowedUrl(given: string, allowHost: string | undefined): string {
  const url = URL.canParse(given) ? new URL(given) : null
  if (url === null || !/^(https?|wss?):$/.test(url.protocol)) {
    throw new SynclineError('invalid_option', 'Expected the URL of a relay, such as http://127.0.0.1:4321')
  }
  const { hostname } = url
  const isHere = hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname)
  if (!isHere && hostname !== allowHost) {
    throw new SynclineError('invalid_option', `${hostname} is another machine: say --allow-host ${hostname}`)
  }
  url.protocol = url.protocol.replace('ws', 'http')
  return url.href
}

function textOf(result: LoadResult): string {
  const { people, documents, seconds, edits, editsPerSecond, saved, lost, unsaved, ended, left } = result
  const times = (label: string, { p50, p90, p99, max }: Spread) =>
    `${label.padEnd(16)}p50 ${ms(p50)}  p90 ${ms(p90)}  p99 ${ms(p99)}  max ${ms(max)}`
  return [
    `${grouped(people)} people, ${grouped(documents)} documents, ${seconds.toFixed(1)} s`,
    `${grouped(edits)} edits, ${grouped(Math.round(editsPerSecond))} a second; ${grouped(saved)} saved`,
    times('typed to seen', result.typedToSeen),
    times('typed to saved', result.typedToSaved),
    `lost: ${grouped(lost)}   not saved: ${grouped(unsaved)}`,
    ...Object.entries(ended).map(([reason, count]) => `ended early: ${grouped(count)} (${reason})`),
    ...(left.length === 0 ? [] : [`left on the relay: ${grouped(left.length)} documents, ${left[0]!.split('/')[0]}/*`]),
  ].join('\n')
}

function ms(given: number): string {
  return `${given < 10 ? given.toFixed(1) : Math.round(given)} ms`.padEnd(8)
}
