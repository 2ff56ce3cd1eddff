import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const source = (name: string, file = 'index') =>
  fileURLToPath(new URL(`./packages/${name}/src/${file}.ts`, import.meta.url))

// These have real sockets, relays, browsers and npm: one file at a time in each lane, so that a test has a core for itself
// and for the process that it talks to. `npm test` runs both lanes at once.
const lanes = {
  sockets: 'abuse admin api backends browser cli client deploy docs interop process relay'.split(' '),
  disks: ['crash', 'soak', 'bench', 'packages', 'react', 'gallery', 'django'],
}
const filesOf = (folders: readonly string[]) => folders.map((folder) => `test/${folder}/**/*.test.ts`)

export default defineConfig({
  resolve: {
    alias: {
      '@syncline/protocol': source('protocol'),
      '@syncline/client/indexeddb': source('client', 'store/indexeddb'),
      '@syncline/client/element': source('client', 'statusElement'),
      '@syncline/client/devtools': source('client', 'devtools/panel'),
      '@syncline/client/provider': source('client', 'provider'),
      '@syncline/client/throttle': source('client', 'devtools/throttle'),
      '@syncline/client/node': source('client', 'store/level'),
      '@syncline/client': source('client'),
      '@syncline/react': source('react'),
      '@syncline/server': source('server'),
      // the client's own import, which package.json maps to its dist
      '#websocket': source('client', 'websocket/node'),
    },
  },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'parallel',
          include: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: ['**/node_modules/**', '**/dist/**', ...filesOf(Object.values(lanes).flat())],
        },
      },
      ...Object.entries(lanes).map(([name, folders], index) => ({
        extends: true as const,
        test: { name, include: filesOf(folders), fileParallelism: false, sequence: { groupOrder: index + 1 } },
      })),
    ],
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
})
