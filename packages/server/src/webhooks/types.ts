/** What a relay tells of documents. */
export const webhookTypes = [
  'document.changed',
  'document.opened',
  'document.closed',
  'document.created',
  'document.deleted',
] as const

/** One of {@link webhookTypes}. */
export type WebhookType = (typeof webhookTypes)[number]

/** The forms in which a change can bring the document's content along. */
export const contentForms = ['json', 'html', 'text', 'update'] as const

/** One of {@link contentForms}: plain values, HTML of a ProseMirror document, plain text, or a Yjs update in base64. */
export type ContentForm = (typeof contentForms)[number]

/** What somebody is told, and of which documents. */
export interface WebhookFilter {
  /** default: all */
  readonly events?: readonly WebhookType[]
  /** patterns of names, in which `*` stands for any characters; default: every document */
  readonly documents?: readonly string[]
  /** in which form `document.changed` has the content; default none */
  readonly content?: ContentForm | null
  /**
   * At most one `document.changed` for a document in this many ms, and one at least while it is being edited; default
   * 10,000. It comes when nobody has typed for 2 s, or for this long where that is less.
   */
  readonly everyMs?: number
}

/** An URL that is told of documents by signed requests. */
export interface WebhookEndpoint extends WebhookFilter {
  readonly url: string
  /** `whsec_` and 24 to 64 bytes in base64 */
  readonly secret: string
  /** whether it may be on this machine or in a private network; default false */
  readonly allowPrivate?: boolean
}

/** Keeps documents in the application's own database, in the relay's process: see `RelayOptions.store`. */
export interface StoreHook extends WebhookFilter {
  /** default: `document.changed` and `document.deleted` */
  readonly events?: readonly WebhookType[]
  /** What it throws is logged, and the event comes again. */
  readonly save: (event: DocumentEvent) => void | Promise<void>
}

/** How long somebody who cannot be told is tried again. */
export interface WebhookRetry {
  /** ms until the second attempt; each further one takes twice as long, a little less by chance; default 1,000 */
  readonly firstMs?: number
  /** the longest of them, default 15 minutes */
  readonly maxMs?: number
  /** from the first attempt on until it is set aside, default 24 hours */
  readonly giveUpMs?: number
}

/** What is told: the body of a request. */
export interface DocumentEvent {
  readonly type: WebhookType
  /** when it happened, in ISO 8601 */
  readonly timestamp: string
  readonly data: {
    readonly document: string
    /** identity of the document's history; null where nothing of it is on disk */
    readonly epoch: string | null
    /** of the last commit; 0 where there is none */
    readonly position: number
    /** of a change, in the form that was asked for; null where there is a `problem` */
    readonly content?: unknown
    /** why there is no content, such as a document that is no rich text */
    readonly problem?: { readonly code: string; readonly reason: string }
  }
}
