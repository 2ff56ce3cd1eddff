/** What a process did to a file or a name, in the order in which it took effect. */
export type Operation =
  /** a process began: the files of the one before are closed */
  | { readonly type: 'process' }
  | {
      readonly type: 'open'
      readonly fd: number
      readonly creates: boolean
      readonly truncates: boolean
      readonly path: string
    }
  | { readonly type: 'close'; readonly fd: number }
  | { readonly type: 'write'; readonly fd: number; readonly offset: number; readonly bytes: Buffer }
  | { readonly type: 'truncate'; readonly fd: number; readonly size: number }
  /** a sync of what was written before it; `sync` tells those of one process apart */
  | { readonly type: 'syncing'; readonly fd: number; readonly sync: number }
  | { readonly type: 'synced'; readonly fd: number; readonly sync: number; readonly ok: boolean }
  | { readonly type: 'makeDirectory'; readonly path: string }
  | { readonly type: 'unlink'; readonly path: string }
  | { readonly type: 'rename'; readonly path: string; readonly to: string }
  | { readonly type: 'link'; readonly path: string; readonly to: string }

/** An operation, and how long the journal was with it. */
export interface Entry {
  readonly operation: Operation
  readonly end: number
}

/** Reads what recorder.c wrote; an entry that was cut off at the end is left out: its operation had not returned. */
export function readJournal(journal: Buffer): Entry[] {
  const entries: Entry[] = []
  let at = 0
  while (at + 4 <= journal.length) {
    const end = at + 4 + journal.readUint32LE(at)
    if (end > journal.length) break
    entries.push({ operation: decode(journal.subarray(at + 4, end)), end })
    at = end
  }
  return entries
}

function decode(entry: Buffer): Operation {
  const type = String.fromCharCode(entry[0]!)
  const body = entry.subarray(1)
  switch (type) {
    case 'P':
      return { type: 'process' }
    case 'O': {
      const effects = body[4]!
      const [creates, truncates] = [(effects & 1) !== 0, (effects & 2) !== 0]
      return { type: 'open', fd: body.readInt32LE(), creates, truncates, path: body.toString('utf8', 5) }
    }
    case 'C':
      return { type: 'close', fd: body.readInt32LE() }
    case 'W':
      return {
        type: 'write',
        fd: body.readInt32LE(),
        offset: Number(body.readBigUint64LE(4)),
        bytes: body.subarray(12),
      }
    case 'T':
      return { type: 'truncate', fd: body.readInt32LE(), size: Number(body.readBigUint64LE(4)) }
    case 'B':
      return { type: 'syncing', fd: body.readInt32LE(), sync: body.readUint32LE(4) }
    case 'E':
      return { type: 'synced', fd: body.readInt32LE(), sync: body.readUint32LE(4), ok: body[8] === 1 }
    case 'M':
      return { type: 'makeDirectory', path: body.toString() }
    case 'U':
      return { type: 'unlink', path: body.toString() }
    case 'R':
    case 'L': {
      const [path, to] = body.toString().split('\0') as [string, string]
      return { type: type === 'R' ? 'rename' : 'link', path, to }
    }
    default:
      throw new Error(`an entry of the type ${type}`)
  }
}
