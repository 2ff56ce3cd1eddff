import { join, relative } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

/**
 * What a page loads at once for some imports: minified and gzipped, without yjs, which every such page has anyway.
 * y-protocols and the parts of lib0 are counted, though lib0 comes with yjs too; what is loaded when it is needed is not.
 *
 * @param {string} root where the packages are
 * @param {readonly string[]} imports export statements
 * @param {readonly string[]} [external] further packages that the page has anyway
 */
export async function weigh(root, imports, external = []) {
  const { outputFiles, metafile } = await build({
    stdin: { contents: imports.join('\n'), resolveDir: join(root, 'scripts') },
    absWorkingDir: root,
    bundle: true,
    splitting: true,
    outdir: 'out',
    minify: true,
    format: 'esm',
    target: 'es2022',
    platform: 'browser',
    external: ['yjs', ...external],
    write: false,
    metafile: true,
    logLevel: 'error',
  })
  const atOnce = loadedAtOnce(metafile.outputs)
  const files = outputFiles.filter(({ path }) => atOnce.has(relative(root, path)))
  const contents = Buffer.concat(files.map((file) => file.contents))
  return {
    bytes: contents.length,
    gzipBytes: gzipSync(contents, { level: 9 }).length,
    /** source files, and what each adds to the minified bytes */
    inputs: [...atOnce].flatMap((path) => Object.entries(metafile.outputs[path]?.inputs ?? {})),
  }
}

/**
 * The entry, and what it imports other than when it needs it.
 *
 * @param {import('esbuild').Metafile['outputs']} outputs
 */
function loadedAtOnce(outputs) {
  const paths = new Set(Object.keys(outputs).filter((path) => outputs[path]?.entryPoint === '<stdin>'))
  for (const path of paths) {
    for (const { path: imported, kind } of outputs[path]?.imports ?? []) {
      if (kind === 'import-statement' && outputs[imported]) paths.add(imported)
    }
  }
  return paths
}
