/**
 * A test for names that match any of these patterns, in which `*` stands for any characters, also none and also `/`.
 */
export function nameMatcher(patterns: readonly string[]): (name: string) => boolean {
  const expressions = patterns.map((pattern) => {
    const literals = pattern.split(/\*+/).map((literal) => literal.replace(/[\\^$.+?()[\]{}|/-]/g, '\\$&'))
    return new RegExp(`^${literals.join('[^]*')}$`)
  })
  return (name) => expressions.some((expression) => expression.test(name))
}
