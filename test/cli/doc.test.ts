import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Level } from 'level'
import { describe, expect, onTestFinished, test } from 'vitest'
import * as Y from 'yjs'
import { startRelay } from '../support/relay.js'
import { emptyDirectory, syncline } from './syncline.js'

/** Updates of somebody who makes these edits. */
function updatesOf(...edits: ((doc: Y.Doc) => void)[]): Uint8Array[] {
  const doc = new Y.Doc()
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  for (const edit of edits) doc.transact(() => edit(doc))
  return updates
}

const write = (text: string) => (doc: Y.Doc) => doc.getText('text').insert(0, text)

function textIn(update: Uint8Array): string {
  const doc = new Y.Doc()
  Y.applyUpdate(doc, update)
  return doc.getText('text').toString()
}

/** A data directory with these documents, and `syncline doc` on it. */
async function dataWith(documents: Readonly<Record<string, Uint8Array>> = {}) {
  const data = join(emptyDirectory(), 'documents')
  const doc = (args: readonly string[], input?: Uint8Array | string) =>
    syncline(['doc', args[0]!, ...args.slice(1), '--data', data], input)
  for (const [name, update] of Object.entries(documents)) {
    expect(await doc(['import', name], update)).toMatchObject({ code: 0, err: '' })
  }
  return { data, doc }
}

describe('syncline doc', () => {
  test('says how it is used', async () => {
    const { code, out } = await syncline(['doc', '--help'])
    expect(code).toBe(0)
    for (const command of ['list', 'show', 'export', 'import']) {
      expect(out.toString()).toContain(command)
      const help = await syncline(['doc', command, '--help'])
      expect([help.code, help.out.toString()]).toEqual([0, expect.stringContaining('SYNCLINE_DATA')])
    }
  })

  test('takes an update, merges the next one, and gives both back as one', async () => {
    const [hello, world] = updatesOf(write('world'), write('hello ')) as [Uint8Array, Uint8Array]
    const { doc } = await dataWith()
    const first = await doc(['import', 'notes'], hello)
    expect(first.out.toString()).toBe(`notes: ${hello.length} bytes in a new document, position 1\n`)
    const second = await doc(['import', 'notes'], world)
    expect(second.out.toString()).toBe(`notes: ${world.length} bytes added, position 2\n`)
    expect((await doc(['import', 'notes'], Y.mergeUpdates([hello, world]))).out.toString()).toBe('notes: nothing new\n')
    const { out } = await doc(['export', 'notes'])
    expect(textIn(out)).toBe('hello world')
  })

  test('lists documents by name', async () => {
    const [update] = updatesOf(write('x')) as [Uint8Array]
    const { doc } = await dataWith({ 'team/b': update, 'team/a': update, other: update })
    const listed = await doc(['list'])
    expect(listed.out.toString().split('\n')).toEqual([
      expect.stringMatching(/^ +1 +\d+ {2}other$/),
      expect.stringMatching(/ {2}team\/a$/),
      expect.stringMatching(/ {2}team\/b$/),
      '',
    ])
    const json = await doc(['list', '--json', '--prefix', 'team/'])
    const lines = json.out.toString().trim().split('\n')
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { name: 'team/a', epoch: expect.stringMatching(/^[0-9a-f]{16}$/), position: 1, storedBytes: expect.any(Number) },
      expect.objectContaining({ name: 'team/b' }),
    ])
  })

  test('shows what is in a document', async () => {
    const doc = new Y.Doc()
    doc.clientID = 42
    doc.getText('title').insert(0, 'Hello')
    doc.getArray('tasks').push([1, 2])
    doc.getMap('meta').set('a', 1)
    doc.getXmlFragment('page').push([new Y.XmlElement('p')])
    const { doc: run } = await dataWith({ notes: Y.encodeStateAsUpdate(doc) })
    const shown = (await run(['show', 'notes'])).out.toString()
    expect(shown).toMatch(/^document {2}notes\nepoch {5}[0-9a-f]{16}\nposition {2}1\nbytes {5}\d+ on disk, \d+ as one/)
    expect(shown).toContain(
      '  meta: map, 1 entry\n  page: xmlFragment, 1 child\n  tasks: array, 2 items\n  title: text',
    )
    const json = await run(['show', 'notes', '--json'])
    expect(JSON.parse(json.out.toString())).toMatchObject({
      name: 'notes',
      position: 1,
      roots: [
        { name: 'meta', type: 'map', length: 0, keys: 1 },
        { name: 'page', type: 'xmlFragment', length: 1 },
        { name: 'tasks', type: 'array', length: 2 },
        { name: 'title', type: 'text', length: 5 },
      ],
      clients: [{ client: 42, clock: 9 }],
    })
  })

  test('makes of its own JSON a document that says the same', async () => {
    const [update] = updatesOf((doc) => {
      doc.getText('text').insert(0, 'Zoë 👩‍👩‍👧 ', { bold: true })
      doc.getMap('__proto__').set('__proto__', new Y.Array())
      doc.getMap('map').set('type', { type: 'map' })
    }) as [Uint8Array]
    const { data, doc } = await dataWith({ notes: update })
    const file = join(data, '..', 'notes.json')
    expect(await doc(['export', 'notes', '--format', 'json', '--out', file])).toMatchObject({ code: 0, err: '' })
    expect(await doc(['import', 'copy', '--format', 'json', '--file', file])).toMatchObject({ code: 0, err: '' })
    const { out } = await doc(['export', 'copy', '--format', 'json'])
    expect(out.toString()).toBe(readFileSync(file, 'utf8'))
    const again = await doc(['import', 'copy', '--format', 'json', '--file', file])
    expect([again.code, again.err]).toEqual([1, expect.stringMatching(/^syncline: document_exists: "copy"\./)])
    writeFileSync(file, '{"format": 1, "roots": {"a": {"type": "map", "entries": {"b": {}}}}}')
    const wrong = await doc(['import', 'wrong', '--format', 'json', '--file', file])
    expect([wrong.code, wrong.err]).toEqual([
      1,
      expect.stringContaining('malformed_json: At ["roots"]["a"]["entries"]["b"]'),
    ])
  })

  test('keeps nothing of what refers to something missing, or is none', async () => {
    const [first, second] = updatesOf(write('b'), write('a')) as [Uint8Array, Uint8Array]
    const { doc } = await dataWith({ notes: first })
    const refusals = [
      [await doc(['import', 'other'], second), /^syncline: incomplete_update: .*from clock 0 on/],
      [await doc(['import', 'notes'], Uint8Array.of(1, 1, 2, 0, 0, 0, 0)), /^syncline: malformed_update:/],
      [await doc(['import', 'notes'], 'some text'), /^syncline: malformed_update:/],
      [await doc(['import', 'notes', '--format', 'json'], 'some text'), /^syncline: malformed_json:/],
      [await doc(['import', 'a\u001b[31m\nb'], first), /^syncline: invalid_name:/],
      [await doc(['show', 'other']), /^syncline: no_document: "other"\./],
      [await doc(['export', 'other\u001b[31m']), /^syncline: no_document: "other\\u001b\[31m"\./],
    ] as const
    for (const [{ code, out, err }, reason] of refusals) {
      expect(err).toMatch(reason)
      expect(err.trim().split('\n')).toHaveLength(1)
      expect([code, out.length]).toEqual([1, 0])
    }
    expect((await doc(['list', '--json'])).out.toString().trim().split('\n')).toHaveLength(1)
    expect(textIn((await doc(['export', 'notes'])).out)).toBe('b')
  })

  test('prints nothing that a terminal would obey', async () => {
    const evil = '\u001b[2J\u009b31m\u202e'
    const [update] = updatesOf((doc) => {
      doc.getText(evil).insert(0, evil)
      doc.getMap('map').set(evil, evil)
    }) as [Uint8Array]
    const { doc } = await dataWith({ 'a\u202eb': update })
    for (const args of [['list'], ['list', '--json'], ['show', 'a\u202eb'], ['show', 'a\u202eb', '--json']]) {
      const { code, out } = await doc(args)
      expect([code, out.toString().replaceAll('\n', '')]).toEqual([0, expect.not.stringMatching(/[\p{Cc}\u202e]/u)])
    }
    const { out } = await doc(['export', 'a\u202eb', '--format', 'json'])
    expect(out.toString().replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u202e]/u)
    expect(JSON.parse(out.toString()).roots[evil]).toEqual({ type: 'text', delta: [{ insert: evil }] })
  })

  test('copes with types nested without end', async () => {
    const [update] = updatesOf((doc) => {
      let map: Y.Map<unknown> = doc.getMap('map')
      for (let level = 0; level < 5_000; level++) map = map.set('a', new Y.Map<unknown>())
    }) as [Uint8Array]
    const { doc } = await dataWith({ deep: update })
    expect((await doc(['show', 'deep'])).out.toString()).toContain('map: map, 1 entry')
    expect((await doc(['export', 'deep'])).out.length).toBeGreaterThan(0)
    const json = await doc(['export', 'deep', '--format', 'json'])
    expect([json.code, json.err]).toEqual([1, expect.stringMatching(/^syncline: document_too_large: .*as an update/)])
  })

  test('leaves a directory alone where a relay runs, or where there is none', async () => {
    const relay = await startRelay()
    onTestFinished(() => relay.stop())
    const [update] = updatesOf(write('x')) as [Uint8Array]
    for (const args of [['list'], ['show', 'notes'], ['export', 'notes'], ['import', 'notes']]) {
      const { code, err } = await syncline(['doc', ...args, '--data', relay.dataDirectory], update)
      expect([code, err]).toEqual([1, expect.stringMatching(/^syncline: data_in_use: .*Stop it first/)])
    }
    const missing = join(emptyDirectory(), 'typo')
    for (const args of [['list'], ['show', 'notes'], ['export', 'notes']]) {
      const { code, err } = await syncline(['doc', ...args, '--data', missing])
      expect([code, err]).toEqual([
        2,
        expect.stringContaining('syncline: invalid_option: --data: there are no documents'),
      ])
    }
    expect(existsSync(missing)).toBe(false)
  })

  test('lists a damaged document, and refuses it alone', async () => {
    const [update] = updatesOf(write('x')) as [Uint8Array]
    const { data, doc } = await dataWith({ broken: update, whole: update })
    const database = new Level<string, string>(join(data, 'log'))
    await database.put('dbroken', 'nothing that was sealed')
    await database.close()
    expect((await doc(['list'])).out.toString()).toMatch(/ {2}broken {2}\(damaged\)\n.* {2}whole\n$/)
    const shown = await doc(['show', 'broken'])
    expect([shown.code, shown.err]).toEqual([1, expect.stringMatching(/^syncline: document_damaged:/)])
    expect(await doc(['show', 'whole'])).toMatchObject({ code: 0 })
  })

  test.each([
    [['list', '--data', ''], /--data/],
    [['export', 'notes', '--format', 'xml'], /--format/],
    [['show'], /name/],
    [['list', 'surplus'], /too many arguments/],
  ])('refuses %j with 2', async (args, reason) => {
    const { code, err } = await syncline(['doc', ...args])
    expect([code, err]).toEqual([2, expect.stringMatching(/^syncline: invalid_option: [^\n]+\n$/)])
    expect(err).toMatch(reason)
  })
})
