import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { type Plugin, type Rollup, transformWithEsbuild } from 'vite'

const source = fileURLToPath(new URL('./worker.ts', import.meta.url))

/**
 * Builds the service worker, and tells it which files to keep: those of the page, and of what the page fetches later by
 * itself. What lies deeper, such as an editor of the gallery, is kept when somebody has used it.
 */
export function serviceWorker(): Plugin {
  return {
    name: 'syncline-service-worker',
    apply: 'build',
    async generateBundle(_options, bundle) {
      const files = applicationFiles(bundle)
      const version = createHash('sha256').update(files.join()).digest('hex').slice(0, 12)
      const { code } = await transformWithEsbuild(await readFile(source, 'utf8'), source, {
        define: { applicationFiles: JSON.stringify(files), applicationVersion: JSON.stringify(version) },
        minify: true,
        target: 'es2022',
        sourcemap: false,
      })
      this.emitFile({ type: 'asset', fileName: 'service-worker.js', source: code })
    },
  }
}

function applicationFiles(bundle: Rollup.OutputBundle): string[] {
  const files = new Set<string>()
  const add = (fileName: string) => {
    const output = bundle[fileName]
    if (files.has(fileName) || output?.type !== 'chunk') return
    files.add(fileName)
    for (const asset of output.viteMetadata?.importedCss ?? []) files.add(asset)
    for (const imported of output.imports) add(imported)
  }
  const chunks = Object.values(bundle).filter((output) => output.type === 'chunk')
  for (const entry of chunks.filter((chunk) => chunk.isEntry)) {
    add(entry.fileName)
    for (const later of entry.dynamicImports) add(later)
  }
  return Array.from(files, (fileName) => `/${fileName}`).sort()
}
