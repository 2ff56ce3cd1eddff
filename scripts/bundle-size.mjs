// Prints what the client weighs in a page, and what React's hooks add to that: minified and gzipped, without yjs, which
// every such page has anyway.
// y-protocols and the parts of lib0 are counted, though lib0 comes with yjs too; what a page loads only where its network
// lets no WebSocket through is not. Fails above the bounds.
import { relative } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const entries = [
  { what: 'connect', gzipBytesMax: 36 * 1024, imports: ["export { connect } from '@syncline/client'"] },
  {
    what: 'connect and the local store',
    gzipBytesMax: 38.5 * 1024,
    imports: [
      "export { connect } from '@syncline/client'",
      "export { indexedDbStore } from '@syncline/client/indexeddb'",
    ],
  },
  {
    what: 'the hooks for React, without React and the client',
    gzipBytesMax: 3 * 1024,
    imports: ["export * from '@syncline/react'"],
    external: ['react', '@syncline/client'],
  },
]
const parts = [
  'packages/react',
  'packages/client',
  'packages/protocol',
  'node_modules/y-protocols',
  'node_modules/lib0',
]
const forNode = /node_modules\/(ws|level|classic-level)\/|websocket\/node|store\/level/

for (const { what, gzipBytesMax, imports, external = [] } of entries) {
  const { outputFiles, metafile } = await build({
    stdin: { contents: imports.join('\n'), resolveDir: import.meta.dirname },
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
  const contents = Buffer.concat(
    outputFiles.filter(({ path }) => atOnce.has(relative(process.cwd(), path))).map((file) => file.contents),
  )
  const inputs = [...atOnce].flatMap((path) => Object.entries(metafile.outputs[path]?.inputs ?? {}))
  const gzipBytes = gzipSync(contents, { level: 9 }).length

  console.log(`${what}:`)
  for (const part of parts) {
    const bytes = inputs.reduce((sum, [path, { bytesInOutput }]) => sum + (path.includes(part) ? bytesInOutput : 0), 0)
    if (bytes > 0) console.log(`${String(bytes).padStart(7)} bytes minified  ${part}`)
  }
  console.log(`${String(contents.length).padStart(7)} bytes minified  in all`)
  console.log(`${String(gzipBytes).padStart(7)} bytes gzipped, without yjs (at most ${gzipBytesMax})`)

  const foreign = inputs.map(([path]) => path).filter((path) => forNode.test(path))
  if (foreign.length > 0) throw new Error(`The bundle has code for Node: ${foreign.join(', ')}`)
  if (gzipBytes > gzipBytesMax) throw new Error(`${what}: ${gzipBytes - gzipBytesMax} bytes more than allowed`)
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
