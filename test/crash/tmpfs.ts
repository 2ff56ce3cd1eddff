import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const blockBytes = 4096

/** A disk of its own, in memory, small enough to be filled. */
export class SmallDisk {
  readonly path: string

  /** @throws where this process may not mount */
  constructor(bytes: number) {
    this.path = mkdtempSync(join(tmpdir(), 'syncline-disk-'))
    const { status, error, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', this.path])
    if (status === 0) return
    rmdirSync(this.path)
    throw new Error(`mount: ${error?.message ?? stderr}`)
  }

  /** Fills it up, but for some bytes. */
  fill(bytesLeft: number): void {
    const { bavail, bsize } = statfsSync(this.path)
    const bytes = Math.max(bavail * bsize - bytesLeft, 0)
    try {
      writeFileSync(this.#filler, Buffer.alloc(bytes - (bytes % blockBytes)))
    } catch (error) {
      // somebody else took some meanwhile: then it is full
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    }
  }

  /** Takes away what filled it. */
  free(): void {
    rmSync(this.#filler, { force: true })
  }

  unmount(): void {
    spawnSync('umount', ['-l', this.path])
    rmdirSync(this.path)
  }

  get #filler(): string {
    return join(this.path, 'filler')
  }
}

/**
 * True where tests that need a {@link SmallDisk} have to be skipped: `test.skipIf(withoutTmpfs)`. With
 * SYNCLINE_REQUIRE_TMPFS=1 they are not skipped, and fail where this process may not mount one.
 */
export const withoutTmpfs = process.env.SYNCLINE_REQUIRE_TMPFS !== '1' && !mayMount()
if (withoutTmpfs) console.info('This process may not mount a tmpfs: tests that fill a disk are skipped.')

function mayMount(): boolean {
  if (process.platform !== 'linux') return false
  try {
    new SmallDisk(blockBytes).unmount()
    return true
  } catch {
    return false
  }
}
