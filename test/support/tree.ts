import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The top of the repository. */
export const root = fileURLToPath(new URL('../..', import.meta.url))

/** The packages that are published. */
export const packageNames = ['protocol', 'client', 'react', 'server'] as const

const generated = new Set(['node_modules', 'dist', 'data', 'coverage', 'reference', '.git', '.vite'])

/** Paths of the files that people wrote, from the top, with `/`; those whose path matches. */
export function filesMatching(pattern: RegExp): string[] {
  return filesBelow(root)
    .map((path) => relative(root, path).split(sep).join('/'))
    .filter((path) => pattern.test(path))
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (generated.has(entry.name)) return []
    const path = join(folder, entry.name)
    return entry.isDirectory() ? filesBelow(path) : [path]
  })
}

/** @param path from the top of the repository */
export function readText(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

/** @param path from the top of the repository */
export function readJson(path: string): Record<string, unknown> {
  return JSON.parse(readText(path))
}
