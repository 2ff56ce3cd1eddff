import { mergeUpdates } from '@syncline/protocol'

/** Updates as one, but for those that no relay takes: they would take the others along. */
export function joined(updates: readonly Uint8Array[]): Uint8Array[] {
  if (updates.length === 0) return []
  try {
    return [mergeUpdates(updates)]
  } catch {
    return [...updates]
  }
}
