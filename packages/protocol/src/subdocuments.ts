const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** The name under which the subdocument with this guid of a document is stored. */
export function subdocumentName(parent: string, guid: string): string {
  return `${parent}/${guid}`
}

/**
 * The document that a name makes another one a subdocument of, or null: names that end with `/` and a UUID, as Yjs gives
 * to each `Y.Doc`, are those of subdocuments, and no others are.
 */
export function parentOf(name: string): string | null {
  const cut = name.lastIndexOf('/')
  return cut > 0 && uuid.test(name.slice(cut + 1)) ? name.slice(0, cut) : null
}
