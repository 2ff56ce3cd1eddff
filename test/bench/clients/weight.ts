import { fileURLToPath } from 'node:url'
import { weigh } from '../../../scripts/weigh.mjs'
import type { ClientMeasure } from './measure.js'

// this file runs from where it is built to, node_modules/.syncline/bench
const root = fileURLToPath(new URL('../../..', import.meta.url))

/** What a page has to load. */
export const clientWeight: ClientMeasure = {
  name: 'client-weight',
  title: 'What a page loads: minified and gzipped, without yjs',
  metrics: [
    { key: 'client', label: 'client', unit: 'B' },
    { key: 'all', label: 'with IndexedDB', unit: 'B' },
  ],
  rounds: 1,
  isInBrowser: false,
  async run({ imports, storeImports }) {
    const [client, all] = await Promise.all([weigh(root, imports), weigh(root, [...imports, ...storeImports])])
    return { client: client.gzipBytes, all: all.gzipBytes }
  },
}
