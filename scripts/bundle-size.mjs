// Prints what the client weighs in a page, and what React's hooks add to that: what a page loads only where its network
// lets no WebSocket through is not in it. Fails above the bounds.
import { root } from './prepare.mjs'
import { weigh } from './weigh.mjs'

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
  const { bytes: allBytes, gzipBytes, inputs } = await weigh(root, imports, external)

  console.log(`${what}:`)
  for (const part of parts) {
    const bytes = inputs.reduce((sum, [path, { bytesInOutput }]) => sum + (path.includes(part) ? bytesInOutput : 0), 0)
    if (bytes > 0) console.log(`${String(bytes).padStart(7)} bytes minified  ${part}`)
  }
  console.log(`${String(allBytes).padStart(7)} bytes minified  in all`)
  console.log(`${String(gzipBytes).padStart(7)} bytes gzipped, without yjs (at most ${gzipBytesMax})`)

  const foreign = inputs.map(([path]) => path).filter((path) => forNode.test(path))
  if (foreign.length > 0) throw new Error(`The bundle has code for Node: ${foreign.join(', ')}`)
  if (gzipBytes > gzipBytesMax) throw new Error(`${what}: ${gzipBytes - gzipBytesMax} bytes more than allowed`)
}
