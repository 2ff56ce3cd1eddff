import type { BaseReplacement, Log, StoredDocument } from '@syncline/protocol'
import { type StoredBase, toStored, updateOf } from './storedBase.js'

/** A document with its base as it is stored. */
export type PackedDocument = Omit<StoredDocument, 'base'> & { readonly base: StoredBase | null }

/** What compaction puts in place of a document's records, as it is stored. */
export type PackedReplacement = Omit<BaseReplacement, 'base'> & { readonly base: StoredBase }

/** A log that gives and takes bases as it stores them: another thread packs them, while this one commits. */
export interface PackedBases {
  /** Throws as `read` does, save where parts of the base are damaged: who unpacks it finds that. */
  readPacked(document: string): Promise<PackedDocument | null>
  /** As `replaceBase`. */
  replacePacked(document: string, replacement: PackedReplacement): Promise<boolean>
}

/** Bases as any log stores them; one that stores them as they are has them packed here. */
export function packedBasesOf(log: Pick<Log, 'read' | 'replaceBase'>): PackedBases {
  if (givesPacked(log)) return log
  return {
    readPacked: async (document) => packed(await log.read(document)),
    replacePacked: (document, replacement) =>
      log.replaceBase(document, { ...replacement, base: updateOf(replacement.base) }),
  }
}

function givesPacked(log: object): log is PackedBases {
  return 'replacePacked' in log
}

async function packed(stored: StoredDocument | null): Promise<PackedDocument | null> {
  return stored && { ...stored, base: stored.base && (await toStored(stored.base, stored.basePosition)) }
}
