import type { DocumentHandle } from '@syncline/client'

/** An editor of the gallery on a page. */
export interface Example {
  /** takes back one's own last edit, never that of others */
  undo(): void
  redo(): void
  destroy(): void
}

/** What each file of the gallery exports as `mount`. The person is in the awareness field `user` already. */
export type Mount = (handle: DocumentHandle, parent: HTMLElement) => Example
