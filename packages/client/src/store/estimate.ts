/** What this device holds for an origin, its databases and caches together. */
export interface StorageEstimate {
  /** bytes in use */
  readonly usage: number
  /** bytes that the origin may use */
  readonly quota: number
  /** the browser does not clear it by itself when the device runs out of space: `navigator.storage.persist()` asks for that */
  readonly persisted: boolean
}

/** Asks the browser what is kept here; null where it does not tell, as on pages that did not come over HTTPS. */
export async function storageEstimate(): Promise<StorageEstimate | null> {
  const storage = typeof navigator === 'undefined' ? undefined : navigator.storage
  try {
    const [{ usage, quota }, persisted] = await Promise.all([storage!.estimate(), storage!.persisted()])
    return usage === undefined || quota === undefined ? null : { usage, quota, persisted }
  } catch {
    return null
  }
}
