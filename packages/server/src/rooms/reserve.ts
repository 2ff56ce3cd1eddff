import { statfs } from 'node:fs/promises'
import type { Clock } from '../clock.js'
import { asError, type Logger } from '../logger.js'

const MiB = 1024 * 1024

const reserveBytesDefault = 256 * MiB // compaction of LevelDB writes some 50 MB before it deletes as much
const reserveShareDefault = 0.01 // of a small disk
// a disk that takes 500 MB/s has not used up the reserve before it is looked at again
const tightMs = 250
const ampleMs = 5_000
const ampleFactor = 16
// so that it does not go back and forth
const returnFactor = 1.1

/** How much there is on a disk. */
export interface DiskSpace {
  /** what this process may still write */
  readonly freeBytes: number
  readonly totalBytes: number
}

/** A disk to watch. */
export interface Disk {
  /** looks at it; {@link spaceOf} a directory, say */
  readonly space: () => Promise<DiskSpace>
  /** how much is to stay free; default 256 MiB, or 1 % of a disk where that is less */
  readonly reserveBytes?: number
}

/** The space on the disk of a directory. */
export async function spaceOf(directory: string): Promise<DiskSpace> {
  const { bavail, blocks, bsize } = await statfs(directory)
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize }
}

/** What a {@link Reserve} works with. */
export interface ReserveOptions {
  readonly clock: Clock
  readonly logger: Logger
  /** called when less than the reserve is free, and when there is more again */
  readonly changed: (isLow: boolean) => void
}

/** Watches how much is free on a disk: now and then while that is much, often when it gets tight. */
export class Reserve {
  readonly #disk: Disk
  readonly #options: ReserveOptions
  #isLow = false
  #isClosed = false
  #cancel = () => {}

  constructor(disk: Disk, options: ReserveOptions) {
    this.#disk = disk
    this.#options = options
    void this.#look()
  }

  close(): void {
    this.#isClosed = true
    this.#cancel()
  }

  async #look(): Promise<void> {
    let afterMs = ampleMs
    try {
      const { freeBytes, totalBytes } = await this.#disk.space()
      if (this.#isClosed) return
      const reserveBytes =
        this.#disk.reserveBytes ?? Math.min(reserveBytesDefault, Math.ceil(totalBytes * reserveShareDefault))
      if (freeBytes < reserveBytes * ampleFactor) afterMs = tightMs
      this.#judge(freeBytes, reserveBytes)
    } catch (error) {
      // a full disk shows itself in the next commit
      this.#options.logger.warn(
        { event: 'disk_space_unknown', error: asError(error) },
        'how much is free on the disk cannot be told',
      )
    }
    if (!this.#isClosed) this.#cancel = this.#options.clock.after(afterMs, () => void this.#look())
  }

  #judge(freeBytes: number, reserveBytes: number): void {
    const isLow = freeBytes < (this.#isLow ? reserveBytes * returnFactor : reserveBytes)
    if (isLow === this.#isLow) return
    this.#isLow = isLow
    const { changed, logger } = this.#options
    if (isLow)
      logger.error(
        { event: 'disk_low', freeBytes, reserveBytes },
        'the disk is nearly full: documents can only be read',
      )
    else logger.info({ event: 'disk_recovered', freeBytes, reserveBytes }, 'the disk has room again: edits are taken')
    changed(isLow)
  }
}
