import { spawnSync } from 'node:child_process'
import { mkdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { root } from '../../support/tree.js'

const source = join(root, 'test/crash/powercut/recorder.c')
const library = join(root, 'node_modules/.syncline/recorder.so')
const hasCompiler = process.platform === 'linux' && spawnSync('cc', ['--version']).status === 0

/**
 * True where tests that preload the recorder have to be skipped: `test.skipIf(withoutRecorder)`. With
 * SYNCLINE_REQUIRE_CC=1 they are not skipped, and fail where no C compiler is.
 */
export const withoutRecorder = !hasCompiler && process.env.SYNCLINE_REQUIRE_CC !== '1'

/** What the recorder does beside journaling; recorder.c tells more. */
export interface RecorderOptions {
  /** the directory whose files count, without symbolic links */
  readonly directory: string
  /** file to append to; without it nothing is journaled */
  readonly journal?: string
  /** the sync with this number, from 1, fails with EIO and syncs nothing */
  readonly failSync?: number
  /** how much longer each sync takes: whoever acknowledges before it has ended is found out */
  readonly syncMs?: number
}

/** Compiles the recorder. */
export function compileRecorder(): void {
  mkdirSync(dirname(library), { recursive: true })
  const flags = ['-O1', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC']
  const { status, error, stderr } = spawnSync('cc', [...flags, '-o', library, source, '-ldl', '-lpthread'])
  if (status !== 0) throw new Error(`cc: ${error?.message ?? stderr}`)
}

/** The environment of a process that is recorded. */
export function recorderEnv({ directory, journal, failSync, syncMs }: RecorderOptions): Record<string, string> {
  return {
    LD_PRELOAD: library,
    UV_USE_IO_URING: '0', // which no library sees
    SYNCLINE_DISK_ROOT: directory,
    ...(journal !== undefined && { SYNCLINE_DISK_JOURNAL: journal }),
    ...(failSync !== undefined && { SYNCLINE_DISK_FAIL_SYNC: String(failSync) }),
    ...(syncMs !== undefined && { SYNCLINE_DISK_SYNC_MS: String(syncMs) }),
  }
}

/** How many bytes a journal has by now. */
export function journalLength(journal: string): number {
  return statSync(journal, { throwIfNoEntry: false })?.size ?? 0
}
