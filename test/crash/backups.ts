import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { askRelay } from '../../packages/server/src/control/client.js'
import { restoreBackup } from '../../packages/server/src/log/restore.js'
import { until } from '../support/until.js'
import type { Oracle } from './oracle.js'

/** Backups of a relay that is killed meanwhile, and what became of them. */
export class Backups {
  /** those that were not under their name yet */
  cutOff = 0
  /** those that were there as a whole, under their name or not */
  whole = 0
  readonly #directory = mkdtempSync(join(tmpdir(), 'syncline-backups-'))
  readonly #data: string
  readonly #oracle: Oracle
  #count = 0

  constructor(data: string, oracle: Oracle) {
    this.#data = data
    this.#oracle = oracle
    onTestFinished(() => rmSync(this.#directory, { recursive: true, force: true }))
  }

  /**
   * Asks a running relay for one as `syncline backup` does, and calls `kill` while it is being written. Returns what is wrong with what is left:
   * it has all that was promised before it began, or is refused.
   */
  async during(kill: () => Promise<void>): Promise<string[]> {
    const target = join(this.#directory, `backup-${++this.#count}`)
    const unfinished = () => readdirSync(this.#directory).filter((name) => name.startsWith(`${basename(target)}.new-`))
    const promised = this.#oracle.copy()
    const request = { path: '/backup', body: { directory: target } } as const
    const isWritten = askRelay(this.#data, request).then(Boolean, () => false)
    await until('the backup to begin', () => unfinished().length > 0 || existsSync(target))
    await kill()
    const faults = existsSync(target) ? await this.#lookAt(target, promised) : []
    if (!existsSync(target)) {
      this.cutOff++
      if (await isWritten) faults.push(`${target} is not there, and was said to be`)
    }
    for (const name of unfinished()) faults.push(...(await this.#lookAt(join(this.#directory, name), promised)))
    return faults
  }

  async #lookAt(backup: string, promised: Oracle): Promise<string[]> {
    const data = `${backup}-restored`
    try {
      await restoreBackup(backup, data, { time: 1, newEpoch: () => 'cccccccccccccccc' })
    } catch (error) {
      if ((error as { code?: string }).code === 'backup_damaged' && basename(backup).includes('.new-')) return []
      return [`${backup}: ${error}`]
    }
    this.whole++
    const missing = await promised.missingOnDisk(data)
    rmSync(data, { recursive: true })
    return missing.map((fault) => `${backup}: ${fault}`)
  }
}
