import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const source = (name: string, file = 'index') =>
  fileURLToPath(new URL(`./packages/${name}/src/${file}.ts`, import.meta.url))

// these have real sockets, relays, browsers and npm: one file at a time, so that none waits for a core that another has
const folders = [
  'api',
  'bench',
  'browser',
  'cli',
  'client',
  'crash',
  'interop',
  'packages',
  'process',
  'react',
  'relay',
  'soak',
]
const serial = folders.map((folder) => `test/${folder}/**/*.test.ts`)

export default defineConfig({
  resolve: {
    alias: {
      '@syncline/protocol': source('protocol'),
      '@syncline/client/indexeddb': source('client', 'store/indexeddb'),
      '@syncline/client/element': source('client', 'statusElement'),
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
          exclude: ['**/node_modules/**', '**/dist/**', ...serial],
        },
      },
      {
        extends: true,
        test: { name: 'serial', include: serial, fileParallelism: false, sequence: { groupOrder: 1 } },
      },
    ],
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
})
