// Prints what `connect` weighs in a page: minified and gzipped, without yjs, which every such page has anyway.
// y-protocols and the parts of lib0 are counted, though lib0 comes with yjs too. Fails above the bound.
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const gzipBytesMax = 18 * 1024

const { outputFiles, metafile } = await build({
  stdin: { contents: "export { connect } from '@syncline/client'", resolveDir: import.meta.dirname },
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  platform: 'browser',
  external: ['yjs'],
  write: false,
  metafile: true,
  logLevel: 'error',
})

const contents = Buffer.concat(outputFiles.map((file) => file.contents))
const inputs = Object.values(metafile.outputs).flatMap((output) => Object.entries(output.inputs))
const gzipBytes = gzipSync(contents, { level: 9 }).length

for (const part of ['packages/client', 'packages/protocol', 'node_modules/y-protocols', 'node_modules/lib0']) {
  const bytes = inputs.reduce((sum, [path, { bytesInOutput }]) => sum + (path.includes(part) ? bytesInOutput : 0), 0)
  console.log(`${String(bytes).padStart(7)} bytes minified  ${part}`)
}
console.log(`${String(contents.length).padStart(7)} bytes minified  in all`)
console.log(`${String(gzipBytes).padStart(7)} bytes gzipped, without yjs (at most ${gzipBytesMax})`)

const foreign = inputs.map(([path]) => path).filter((path) => /node_modules\/ws\/|websocket\/node/.test(path))
if (foreign.length > 0) throw new Error(`The bundle has code for Node: ${foreign.join(', ')}`)
if (gzipBytes > gzipBytesMax) throw new Error(`The bundle has ${gzipBytes - gzipBytesMax} bytes more than allowed`)
