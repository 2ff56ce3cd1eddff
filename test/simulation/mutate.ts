import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { afterAll, describe, expect, test } from 'vitest'

const packages = fileURLToPath(new URL('../../packages/', import.meta.url))

/** One broken promise, made in the production source. */
export interface Mutant {
  readonly name: string
  /** from `packages` on */
  readonly file: string
  readonly find: string
  readonly replace: string
  /** what it says when it notices; default: anything */
  readonly says?: string
}

/** A simulation that is run with mutants. */
export interface Simulation {
  /** its module, which exports `firstFailure`, from this folder on */
  readonly run: string
  readonly seedsMax: number
}

/** Tests that the simulation notices every mutant, and finds nothing in the code as it is. */
export function describeMutants(title: string, simulation: Simulation, mutants: readonly Mutant[]): void {
  describe(title, () => {
    const directory = mkdtempSync(join(tmpdir(), 'syncline-mutants-'))
    afterAll(() => rmSync(directory, { recursive: true }))

    for (const [index, mutant] of mutants.entries()) {
      test(`would ${mutant.name}`, { timeout: 300_000 }, async () => {
        const file = join(directory, `mutant-${index}.mjs`)
        await bundle(simulation.run, mutant, file)
        const failure = firstFailure(file, simulation.seedsMax)
        console.info(`${mutant.name}: seed ${failure?.seed}: ${failure?.message.split('\n')[0]?.slice(0, 160)}`)
        expect(failure?.message).toContain(mutant.says ?? '')
      })
    }

    test('and finds nothing in the code as it is, built the same way', { timeout: 300_000 }, async () => {
      const file = join(directory, 'unchanged.mjs')
      await bundle(simulation.run, null, file)
      expect(firstFailure(file, Math.min(100, simulation.seedsMax))).toBe(null)
    })
  })
}

async function bundle(run: string, mutant: Mutant | null, outfile: string): Promise<void> {
  let applied = false
  await build({
    stdin: {
      contents: `import { firstFailure } from ${JSON.stringify(fileURLToPath(new URL(run, import.meta.url)))}
        const failure = await firstFailure(Number(process.argv[2]), Number(process.argv[3]))
        console.log(JSON.stringify(failure))
        // worlds leave timers of y-protocols behind
        process.exit()`,
      resolveDir: process.cwd(),
    },
    bundle: true,
    format: 'esm',
    platform: 'node',
    outfile,
    alias: {
      '@syncline/protocol': join(packages, 'protocol/src/index.ts'),
      '@syncline/client': join(packages, 'client/src/index.ts'),
      '#websocket': join(packages, 'client/src/websocket/browser.ts'),
    },
    plugins: [
      {
        name: 'mutate',
        setup({ onLoad }) {
          onLoad({ filter: /packages.(protocol|client|server).src.*\.ts$/ }, ({ path }) => {
            const source = readFileSync(path, 'utf8')
            if (mutant === null || path !== join(packages, mutant.file)) return { contents: source, loader: 'ts' }
            if (source.split(mutant.find).length !== 2)
              throw new Error(`${mutant.name}: its place is not in ${mutant.file}`)
            applied = true
            return { contents: source.replace(mutant.find, () => mutant.replace), loader: 'ts' }
          })
        },
      },
    ],
  })
  if (mutant && !applied) throw new Error(`${mutant.name}: ${mutant.file} is not part of the simulation`)
}

function firstFailure(bundleFile: string, seeds: number): { seed: number; message: string } | null {
  const { stdout, stderr } = spawnSync(process.execPath, [bundleFile, '1', String(seeds)], { encoding: 'utf8' })
  const last = stdout.trim().split('\n').at(-1)
  if (!last) throw new Error(stderr)
  return JSON.parse(last)
}
