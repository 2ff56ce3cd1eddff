import { spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { serveSettings } from '../../packages/server/src/cli/options.js'
import { filesMatching, readJson, readText, root } from '../support/tree.js'
import { emptyDirectory, hasProgram } from './support.js'

const variables = new Set(serveSettings().map(({ envVar }) => envVar))

describe('the Dockerfile', () => {
  // continued lines as one, comments left out
  const text = readText('deploy/Dockerfile')
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n\s*/g, ' ')
  const instructions = text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => ({ name: line.split(/\s+/)[0]!, rest: line.replace(/^\S+\s+/, '') }))
  const all = (name: string) => instructions.filter((each) => each.name === name).map(({ rest }) => rest)
  const stages = text.split(/^FROM /m).slice(1)
  const final = stages.at(-1)!

  test('builds in one stage and runs in another, both of images with a version', () => {
    expect(stages).toHaveLength(2)
    for (const image of all('FROM')) expect(image).toMatch(/^node:\d+-[a-z]+-slim( AS \w+)?$/)
    expect(Number(/^node:(\d+)/.exec(all('FROM')[0]!)![1])).toBeGreaterThanOrEqual(20)
    expect(final).not.toMatch(/^RUN .*(npm|apt)/m)
  })

  test('runs as nobody who may do anything, takes signals itself, and says how it is', () => {
    expect(/^USER (\w+)$/m.exec(final)?.[1]).toBe('node')
    expect(all('ENTRYPOINT').map((given) => JSON.parse(given)[0])).toEqual(['node'])
    expect(all('CMD').map((given) => JSON.parse(given))).toEqual([['serve']])
    expect(all('HEALTHCHECK')[0]).toMatch(/--timeout=\S+ .*\/livez/)
    expect(JSON.parse(all('HEALTHCHECK')[0]!.replace(/^.*?CMD /, ''))[0]).toBe('node')
    expect(all('ADD')).toEqual([])
    expect(text).not.toMatch(/(ARG|ENV).*(SECRET|TOKEN|PASSWORD)/)
  })

  test('sets what the relay knows, and starts what is there', () => {
    const set = Array.from(final.matchAll(/\b(SYNCLINE_\w+)=/g), ([, name]) => name)
    expect(set.length).toBeGreaterThan(2)
    expect(set.filter((name) => !variables.has(name))).toEqual([])
    const program = JSON.parse(all('ENTRYPOINT')[0]!)[1].replace('/app/', '')
    expect(existsSync(join(root, program))).toBe(true)
  })

  test('copies what is in the repository, is let through by .dockerignore, and is all that npm asks for', () => {
    const copied = stages[0]!
      .split('\n')
      .filter((line) => line.startsWith('COPY '))
      .flatMap((line) => line.split(/\s+/).slice(1, -1))
    const allowed = readText('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
    for (const path of copied) {
      expect(existsSync(join(root, path)), path).toBe(true)
      expect(allowed).toContain(`!${path}`)
    }
    const workspaces = filesMatching(/^(packages\/[^/]+|demo|test\/react-18)\/package\.json$/)
    expect(workspaces.length).toBeGreaterThanOrEqual((readJson('package.json').workspaces as string[]).length)
    const isCopied = (path: string) => copied.some((each) => path === each || path.startsWith(`${each}/`))
    expect(workspaces.filter((path) => !isCopied(path))).toEqual([])
  })
})

describe('the unit for systemd', () => {
  const unit = readText('deploy/systemd/syncline.service')

  test('sets what the relay knows', () => {
    const set = Array.from(unit.matchAll(/^Environment=(SYNCLINE_\w+)=/gm), ([, name]) => name)
    expect(set.length).toBeGreaterThan(1)
    expect(set.filter((name) => !variables.has(name))).toEqual([])
  })

  test.runIf(hasProgram('systemd-analyze', '--version'))('is one, and lets the relay do little', () => {
    // it looks for the program, which is Node here
    const file = join(emptyDirectory(), 'syncline.service')
    writeFileSync(file, unit.replace(/^ExecStart=.*$/m, `ExecStart=${process.execPath}`))
    const verified = spawnSync('systemd-analyze', ['verify', file], { encoding: 'utf8' })
    expect([verified.status, verified.stderr]).toEqual([0, ''])
    // of 100: what is below 20 has next to nothing that it does not need
    const args = ['security', '--offline=true', '--threshold=20', '--no-pager', file]
    const secured = spawnSync('systemd-analyze', args, { encoding: 'utf8' })
    expect(secured.stdout).toContain('Overall exposure level')
    expect([secured.status, secured.stdout.split('\n').filter((line) => line.includes('Overall'))]).toEqual([
      0,
      [expect.stringMatching(/ [01]\.\d OK/)],
    ])
  })
})

interface Manifest {
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly spec: Readonly<Record<string, never>> & Readonly<Record<string, unknown>>
}

test('the manifest for Kubernetes is of one piece: one pod, its ports, its volumes, and paths that the relay serves', () => {
  const documents = parseAllDocuments(readText('deploy/kubernetes/syncline.yaml'), { uniqueKeys: true })
  expect(documents.flatMap(({ errors }) => errors)).toEqual([])
  const manifests = documents.map((document) => document.toJS() as Manifest)
  expect(manifests.map(({ kind }) => kind)).toEqual(['StatefulSet', 'Service'])
  // biome-ignore lint/suspicious/noExplicitAny: what the manifest says is what is tested
  const [set, service] = manifests.map(({ spec }) => spec as any)
  expect(set.replicas).toBe(1)
  expect(set.serviceName).toBe(manifests[1]!.metadata.name)
  const pod = set.template
  expect(pod.metadata.labels).toMatchObject(set.selector.matchLabels)
  expect(pod.metadata.labels).toMatchObject(service.selector)
  const [container] = pod.spec.containers
  const ports = new Set(container.ports.map(({ name }: { name: string }) => name))
  for (const { targetPort } of service.ports) expect(ports).toContain(targetPort)
  for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe']) {
    expect(ports).toContain(container[probe].httpGet.port)
    expect(readText('packages/server/src/http.ts')).toContain(`'${container[probe].httpGet.path}'`)
  }
  const volumes = [...pod.spec.volumes, ...set.volumeClaimTemplates.map(({ metadata }: Manifest) => metadata)]
  const names = new Set(volumes.map(({ name }: { name: string }) => name))
  for (const { name } of container.volumeMounts) expect(names).toContain(name)
  for (const { name } of container.env) expect(variables).toContain(name)
  expect(pod.spec.securityContext.runAsNonRoot).toBe(true)
  expect(container.securityContext).toMatchObject({ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true })
})
