import { existsSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { readJson, readText, root } from '../support/tree.js'

/** The part of README.md that says what has been tested in which version. */
const table = /## Any editor, any client\n([\s\S]*?)\n## /.exec(readText('README.md'))![1]!

/** The version that the tests run with; the demo has some packages of its own. */
function installed(name: string): unknown {
  const folder = ['demo/node_modules', 'node_modules'].find((candidate) => existsSync(`${root}${candidate}/${name}`))
  return folder === undefined ? 'not installed' : readJson(`${folder}/${name}/package.json`).version
}

// older versions are installed by another name, beside the newest
const older: Record<string, string> = {
  '@hocuspocus/provider 3': 'hocuspocus-provider-3',
  'y-websocket 1': 'y-websocket-1',
  'y-websocket 2': 'y-websocket-2',
}

describe('the table of what has been tested', () => {
  const told = [...table.matchAll(/`(@?[a-z][\w./-]*)` (\d+\.\d+\.\d+)/g)].map(([, name, version]) => [name!, version!])

  test.each(told)('says of %s the version that is tested, %s', (name, version) => {
    expect(installed(older[`${name} ${version.split('.')[0]}`] ?? name)).toBe(version)
  })

  test('has a row for every page of the gallery, with a link to its source', () => {
    const pages = readText('demo/src/gallery/pages.ts').matchAll(/\bpage\(\s*'([a-z]+)'/g)
    const missing = [...pages].map(([, id]) => id).filter((id) => !table.includes(`(demo/src/gallery/${id}.ts)`))
    expect(told.length).toBeGreaterThan(15)
    expect(missing).toEqual([])
  })
})
