import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

const source = (name: string, file = 'index') =>
  fileURLToPath(new URL(`./packages/${name}/src/${file}.ts`, import.meta.url))

// These have real sockets, relays, browsers and npm: one file at a time in each lane, since they wait more than they
// compute. `npm test` runs the lanes at once.
const lanes = {
  sockets: 'abuse backends client docs gallery relay'.split(' '),
  processes: 'admin api browser cli deploy django interop packages process react soak'.split(' '),
  disks: 'bench crash'.split(' '),
}
const filesOf = (folders: readonly string[]) => folders.map((folder) => `test/${folder}/**/*.test.ts`)

/** The short files that take longest begin: begun last, as their size asks for, each would leave a core idle for a minute. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const isLong = ({ moduleId }: TestSpecification) => /\/test\/(simulation|fuzz)\//.test(moduleId)
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))]
  }
}

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
          // by default Vitest leaves one core to others
          maxWorkers: availableParallelism(),
          include: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: ['**/node_modules/**', '**/dist/**', ...filesOf(Object.values(lanes).flat())],
        },
      },
      ...Object.entries(lanes).map(([name, folders], index) => ({
        extends: true as const,
        test: {
          name,
          include: filesOf(folders),
          fileParallelism: false,
          sequence: { groupOrder: index + 1 },
          globalSetup: 'test/support/oneFile.ts',
        },
      })),
    ],
    sequence: { sequencer: LongestFirst },
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
})
