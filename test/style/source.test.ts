import { dirname, join, normalize } from 'node:path/posix'
import { describe, expect, test } from 'vitest'
import { filesMatching, packageNames, readJson, readText } from '../support/tree.js'

const written = filesMatching(/\.(ts|mjs|js|json|md|html|css|svg|ya?ml)$|^\.ci\//).filter(
  (path) => !path.endsWith('package-lock.json'),
)
const sources = filesMatching(/^(packages|demo)\/.*\.ts$/)
const linesMax = 500 // more is more than one idea; tests are lists of stories and may have more of them
const testLinesMax = 800

/** Every line that matches, as `path:line: text`. */
function linesMatching(paths: readonly string[], pattern: RegExp): string[] {
  return paths.flatMap((path) =>
    readText(path)
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}: ${line.trim().slice(0, 120)}`] : [])),
  )
}

function specifiersIn(path: string): string[] {
  const found = readText(path).matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'([^']+)'/g)
  return [...found].map(([, specifier]) => specifier!)
}

/** The modules that a file imports, without the relative ones. */
function importsOf(path: string): string[] {
  return specifiersIn(path).filter((specifier) => !specifier.startsWith('.'))
}

/** The files of the source that a file imports, types included. */
function filesImportedBy(path: string): string[] {
  return specifiersIn(path)
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => normalize(join(dirname(path), specifier)).replace(/\.js$/, '.ts'))
    .filter((imported) => sources.includes(imported))
}

/** Files that import each other in a circle, as the way around it. */
function circles(): string[] {
  const found: string[] = []
  const done = new Set<string>()
  const visit = (path: string, way: readonly string[]): void => {
    if (way.includes(path)) found.push([...way.slice(way.indexOf(path)), path].join(' → '))
    if (done.has(path)) return
    done.add(path)
    for (const imported of filesImportedBy(path)) visit(imported, [...way, path])
  }
  for (const path of sources) visit(path, [])
  return found
}

describe('the source', () => {
  test('was found', () => {
    expect(sources.length).toBeGreaterThan(20)
    expect(written).toContain('.ci/run')
  })

  test('leaves nothing for later', () => {
    expect(linesMatching(written, /\b(TO[D]O|FIX[M]E|XX[X]|HAC[K])\b/)).toEqual([])
  })

  test('knows no path of a machine', () => {
    expect(linesMatching(written, /(^|[^\w.])\/(home|Users|root|work|farm|opt)\/\w|\b[A-Z]:\\\\?Users/)).toEqual([])
  })

  test('skips no test for good, and runs none alone', () => {
    const tests = filesMatching(/\.test\.ts$/)
    expect(linesMatching(tests, /\b(test|it|describe)\.(skip|only|todo|fails)\(/)).toEqual([])
  })

  test(`has no file of more than ${linesMax} lines, and tests none of more than ${testLinesMax}`, () => {
    const long = sources
      .concat(filesMatching(/^(test|scripts)\/.*\.(ts|mjs)$/))
      .map((path) => ({ path, lines: readText(path).split('\n').length }))
      .filter(({ path, lines }) => lines > (path.endsWith('.test.ts') ? testLinesMax : linesMax))
    expect(long).toEqual([])
  })

  test('compares no secret by what could tell how much of it was right', () => {
    const secret = String.raw`\b\w*(secret|token|password|signature|digest|hmac)\w*\b`
    // with what is written in the source, null for instance, nothing is told
    const plain = String.raw`(null|undefined|''|'\w+'|\d+)`
    const compared = new RegExp(
      `${secret}(\\(.*\\))? [!=]== (?!${plain})|(?<!${plain}) [!=]== (this\\.#)?${secret}`,
      'i',
    )
    // two tokens of one client, attributes of text, and checksums of files
    const known = /token !== this\.#token|signature !== this\.#signature|\('hex'\) !== sha256/
    const lines = linesMatching(
      sources.filter((path) => !path.endsWith('.test.ts')),
      compared,
    )
    expect(lines.filter((line) => !known.test(line))).toEqual([])
  })

  test('of the protocol is pure: it imports Yjs and lib0, no more', () => {
    const foreign = sources
      .filter((path) => path.startsWith('packages/protocol/src/') && !path.endsWith('.test.ts'))
      .flatMap((path) => importsOf(path).map((specifier) => ({ path, specifier })))
      .filter(({ specifier }) => specifier !== 'yjs' && !specifier.startsWith('lib0/'))
    expect(foreign).toEqual([])
  })

  test('of the protocol is compiled without the globals of browsers and Node', () => {
    expect(readJson('packages/protocol/tsconfig.json').compilerOptions).toMatchObject({ lib: ['ES2023'], types: [] })
  })

  test('of the protocol asks for no time and no chance', () => {
    const pure = sources.filter((path) => path.startsWith('packages/protocol/src/') && !path.endsWith('.test.ts'))
    expect(linesMatching(pure, /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bsetTimeout\b/)).toEqual([])
  })

  test('has no files that import each other, not even types', () => {
    expect(circles()).toEqual([])
  })

  test('of client and server know the protocol, not each other', () => {
    const other = { client: '@syncline/server', server: '@syncline/client' }
    for (const [name, forbidden] of Object.entries(other)) {
      const own = sources.filter((path) => path.startsWith(`packages/${name}/src/`) && !path.endsWith('.test.ts'))
      expect(own.filter((path) => importsOf(path).includes(forbidden))).toEqual([])
    }
  })

  test('reaches into no package but through its entry', () => {
    const entries = packageNames.flatMap((name) =>
      Object.keys(readJson(`packages/${name}/package.json`).exports as object).map(
        (entry) => `@syncline/${name}${entry.slice(1)}`,
      ),
    )
    const deep = sources.filter((path) =>
      importsOf(path).some((specifier) => /^@syncline\/\w+\//.test(specifier) && !entries.includes(specifier)),
    )
    expect(deep).toEqual([])
    for (const name of packageNames) {
      const own = sources.filter((path) => path.startsWith(`packages/${name}/`))
      const across = new RegExp(`'(\\.\\./)+(${packageNames.filter((other) => other !== name).join('|')})/`)
      expect(linesMatching(own, across)).toEqual([])
    }
  })
})
