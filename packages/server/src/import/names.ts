/**
 * The name of a document in whose place y-websocket's server has the path of a URL, as it came: the same path leads to
 * the same document here. One with a malformed escape stays as it is.
 */
export function nameFromUrl(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}
