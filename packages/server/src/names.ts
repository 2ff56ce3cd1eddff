/** Whether a name is one of a pattern's, in which `*` stands for any characters, also none and also `/`. */
export function matchesPattern(pattern: string, name: string): boolean {
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop()
  if (last === undefined) return name === pattern
  if (!name.startsWith(first)) return false
  // the leftmost place for each piece leaves the most to the others: no pattern takes more than one pass
  let from = first.length
  for (const piece of rest) {
    const at = name.indexOf(piece, from)
    if (at < 0) return false
    from = at + piece.length
  }
  return name.length - from >= last.length && name.endsWith(last)
}

/** A test for names that match any of these patterns, see {@link matchesPattern}. */
export function nameMatcher(patterns: readonly string[]): (name: string) => boolean {
  return (name) => patterns.some((pattern) => matchesPattern(pattern, name))
}
