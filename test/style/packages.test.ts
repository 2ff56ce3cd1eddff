import { describe, expect, test } from 'vitest'
import { filesMatching, packageNames, readJson, readText } from '../support/tree.js'

const { version, license } = readJson('package.json')

describe.each(packageNames)('@syncline/%s', (name) => {
  const manifest = readJson(`packages/${name}/package.json`)
  const { dependencies = {}, peerDependencies = {} } = manifest as Record<string, Record<string, string> | undefined>

  test('says what it is, for whom and under which licence', () => {
    expect(manifest).toMatchObject({ name: `@syncline/${name}`, version, license, type: 'module' })
    expect(manifest.description).toMatch(/^[A-Z].+\.$/)
    expect(manifest.engines).toMatchObject({ node: expect.stringMatching(/^>=20/) })
  })

  test('exports types and code, and ships what it exports', () => {
    expect(manifest.exports).toMatchObject({ '.': { types: './dist/index.d.ts', default: './dist/index.js' } })
    expect(manifest.files).toEqual(expect.arrayContaining(['dist', 'src', '!src/**/*.test.ts', '!dist/.tsbuildinfo']))
  })

  test('takes the other packages in its own version, so that no two versions of them meet', () => {
    const ours = Object.entries({ ...dependencies, ...peerDependencies }).filter(([dependency]) =>
      dependency.startsWith('@syncline/'),
    )
    for (const [, wanted] of ours) expect(wanted).toBe(version)
  })

  test('brings no second Yjs into an application', () => {
    // two copies of Yjs in one program do not know each other's types; the relay is a program of its own
    if (name === 'server') expect(dependencies.yjs).toBe('13.6.33')
    else expect(peerDependencies.yjs).toBe(name === 'protocol' ? undefined : '^13.6.33')
    expect(Object.keys(name === 'server' ? peerDependencies : dependencies)).not.toContain('yjs')
  })

  test('has the licence and a page of its own', () => {
    expect(readText(`packages/${name}/LICENSE`)).toBe(readText('LICENSE'))
    expect(filesMatching(new RegExp(`^packages/${name}/README\\.md$`))).toHaveLength(1)
  })
})
