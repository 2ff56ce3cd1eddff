/** Another server's database, from which documents are imported. */
export interface Source {
  /**
   * Every document, one after the other.
   *
   * @param workDirectory exists, on a disk with room: for what has to be kept meanwhile
   * @throws SynclineError `unreadable_source`
   */
  documents(workDirectory: string): AsyncIterable<SourceDocument>
  /**
   * Throws `unreadable_source` where the documents cannot have been all that there is: something is damaged, or somebody
   * has written into the database since it was opened.
   */
  assertWhole(): Promise<void>
  close(): Promise<void>
}

/** One document of a {@link Source}. */
export interface SourceDocument {
  /** as the other server knows it */
  readonly name: string
  /**
   * Reads it.
   *
   * @throws SynclineError `unreadable_source`, `document_too_large`
   */
  read(): Promise<SourceContent>
}

/** What a {@link Source} has of a document. */
export interface SourceContent {
  /** update v1 bytes; nobody has checked them */
  readonly updates: readonly Uint8Array[]
  /** whether there is something that has no place in a document of ours */
  readonly hasMetadata: boolean
}

/** Bytes that a source may have of one document. More would not fit a document of ours, however often it is there. */
export const sourceBytesMax: number = 512 * 1024 * 1024
