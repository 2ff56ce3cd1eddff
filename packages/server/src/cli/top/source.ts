import { readFile } from 'node:fs/promises'
import { isErrorCode, SynclineError } from '@syncline/protocol'
import type { Overview } from '../../admin/overview.js'
import { askRelay } from '../../control/client.js'

const answerMs = 10_000

/** Where a relay is asked: on its own machine by its data directory, or by its URL in an operator's name. */
export interface Source {
  readonly data: string
  readonly url?: string
  readonly tokenFile?: string
}

/**
 * What the relay tells of itself.
 *
 * @throws SynclineError `closed` where none answers, and what it refuses with
 */
export async function overviewOf({ data, url, tokenFile }: Source): Promise<Overview> {
  if (url !== undefined) return overviewAt(url, await tokenFrom(tokenFile))
  const overview = await askRelay(data, { path: '/overview' })
  if (overview === null) throw new SynclineError('closed', `No relay is running on ${data}; --url names one elsewhere`)
  return overview as Overview
}

/** The token in a file, else in SYNCLINE_TOKEN: as an argument everybody on the machine would see it. */
export async function tokenFrom(file: string | undefined): Promise<string | null> {
  if (file === undefined) return process.env.SYNCLINE_TOKEN || null
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new SynclineError('invalid_option', `--token-file: ${file} cannot be read: ${code}`)
  }
}

async function overviewAt(url: string, token: string | null): Promise<Overview> {
  const headers: Record<string, string> = token === null ? {} : { Authorization: `Bearer ${token}` }
  const signal = AbortSignal.timeout(answerMs)
  const answer = await fetch(new URL('/api/v1/relay', url), { headers, signal }).catch(() => {
    throw new SynclineError('closed', `${url} gives no answer`)
  })
  if (answer.ok) return (await answer.json()) as Overview
  const { code = '', detail = '' } = (await answer.json().catch(() => ({}))) as { code?: string; detail?: string }
  const error = new SynclineError(isErrorCode(code) ? code : 'closed')
  throw Object.assign(error, { message: detail || `${url} answers with ${answer.status}` })
}
