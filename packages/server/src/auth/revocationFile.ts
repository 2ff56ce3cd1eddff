import { open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { SynclineError } from '@syncline/protocol'
import { z } from 'zod'
import { sync } from '../log/directory.js'
import type { DatedRevocation, RevocationStore } from './revocations.js'

const format = 1

const schema = z.object({
  format: z.literal(format),
  revocations: z.array(
    z.object({ subject: z.string().exactOptional(), document: z.string().exactOptional(), time: z.number() }),
  ),
})

/** Revocations in a file: it is written anew, synced, and put in the place of the old one. */
export function revocationFile(path: string): RevocationStore {
  return {
    async read() {
      const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return null
        throw new SynclineError('storage_failed', `${path} cannot be read: ${error.code}`)
      })
      return text === null ? [] : parse(path, text)
    },
    async write(revocations) {
      try {
        await replaceFile(path, JSON.stringify({ format, revocations }))
      } catch (error) {
        throw new SynclineError('storage_failed', `The revocations cannot be written: ${(error as Error).message}`)
      }
    },
  }
}

function parse(path: string, text: string): readonly DatedRevocation[] {
  try {
    return schema.parse(JSON.parse(text)).revocations
  } catch {
    // whoever was revoked is not let in because a file is damaged
    throw new SynclineError('unknown_format', `${path} is none of this version, or damaged`)
  }
}

async function replaceFile(path: string, text: string): Promise<void> {
  const next = `${path}.new`
  const file = await open(next, 'w', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(next, path)
  await sync(dirname(path))
}
