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
if (withoutRecorder) console.info('There is no C compiler (cc) for Linux: tests that record a relay are skipped.')

/** What the recorder does beside journaling; recorder.c tells more. */
export interface RecorderOptions {
  /** the directory whose files count, without symbolic links */
  readonly directory: string
  /** file to append to; without it nothing is journaled */
  readonly journal?: string
  /** the sync with this number, from 1, fails with EIO and syncs nothing */
  readonly failSync?: number
  /** and so do those after it, this many in all; default 1 */
  readonly failCount?: number
  /** how much longer each sync takes: whoever acknowledges before it has ended is found out */
  readonly syncMs?: number
  /** the process is killed when it has made this many entries in the journal, from 1 */
  readonly dieAt?: number
}

/** Compiles the recorder. */
export function compileRecorder(): void {
  mkdirSync(dirname(library), { recursive: true })
  const flags = ['-O1', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC']
  const { status, error, stderr } = spawnSync('cc', [...flags, '-o', library, source, '-ldl', '-lpthread'])
  if (status !== 0) throw new Error(`cc: ${error?.message ?? stderr}`)
}

/** The environment of a process that is recorded. */
export function recorderEnv(options: RecorderOptions): Record<string, string> {
  const given = Object.entries(variables).flatMap(([option, variable]) => {
    const value = options[option as keyof typeof variables]
    return value === undefined ? [] : [[variable, String(value)]]
  })
  // io_uring is what no library sees
  return { LD_PRELOAD: library, UV_USE_IO_URING: '0', ...Object.fromEntries(given) }
}

const variables = {
  directory: 'SYNCLINE_DISK_ROOT',
  journal: 'SYNCLINE_DISK_JOURNAL',
  failSync: 'SYNCLINE_DISK_FAIL_SYNC',
  failCount: 'SYNCLINE_DISK_FAIL_COUNT',
  syncMs: 'SYNCLINE_DISK_SYNC_MS',
  dieAt: 'SYNCLINE_DISK_DIE_AT',
} as const satisfies { readonly [option in keyof RecorderOptions]-?: string }

/** How many bytes a journal has by now. */
export function journalLength(journal: string): number {
  return statSync(journal, { throwIfNoEntry: false })?.size ?? 0
}
