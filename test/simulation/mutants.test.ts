import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { afterAll, describe, expect, test } from 'vitest'

const protocol = fileURLToPath(new URL('../../packages/protocol/src/', import.meta.url))
const run = fileURLToPath(new URL('./run.ts', import.meta.url))
const directory = mkdtempSync(join(tmpdir(), 'syncline-mutants-'))
const seedsMax = 2_000

afterAll(() => rmSync(directory, { recursive: true }))

interface Mutant {
  readonly name: string
  readonly file: string
  readonly find: string
  readonly replace: string
}

/** One broken promise each, made in the production source: the simulation must notice every one of them. */
const mutants: Mutant[] = [
  {
    name: 'acknowledge before the commit',
    file: 'room/room.ts',
    find: 'if (this.#queue.empty) this.#acknowledge(session, session.seq)',
    replace: 'if (session) this.#acknowledge(session, session.seq)',
  },
  {
    name: 'show before the commit',
    file: 'room/room.ts',
    find: '    if (admission.complete && !answer) session.resyncs = session.rejections = 0\n',
    replace: `    const to = [...this.#sessions.keys()].filter((id) => id !== session.id)
    if (admission.update) this.#effects.push({ type: 'send', to, message: { type: 'update', ...this.#content.head, update: admission.update } })\n`,
  },
  {
    name: 'send before the relay has spoken',
    file: 'peer/peer.ts',
    find: "return this.#state.at === 'syncing' || this.#state.at === 'live'",
    replace: "return this.#state.at === 'syncing' || this.#state.at === 'live' || this.#state.at === 'opening'",
  },
  {
    name: 'acknowledge duplicates at once',
    file: 'room/room.ts',
    find: 'if (admission.complete || answer) this.#acknowledgeLater(session)',
    replace: `if (admission.update === null) {
      session.answerOwed = false
      this.#acknowledge(session, session.seq)
    } else if (admission.complete || answer) this.#acknowledgeLater(session)`,
  },
  {
    name: 'forget what gathers for one broadcast',
    file: 'room/room.ts',
    find: 'const commitAt = this.#queue.wantsCommit ? this.#window.closedUntil(now) : null',
    replace: 'const commitAt = null as number | null',
  },
  {
    name: 'a cursor off by one',
    file: 'room/content.ts',
    find: 'const updates = this.#tail.slice(index).map',
    replace: 'const updates = this.#tail.slice(index + 1).map',
  },
  {
    name: 'resume whatever the epoch',
    file: 'room/room.ts',
    find: 'resume.epoch === this.#epoch && this.#content.confirms(resume)',
    replace: 'this.#content.confirms(resume)',
  },
  {
    name: 'resume whatever the chain',
    file: 'room/content.ts',
    find: ').chain === point.chain',
    replace: ').chain !== -1',
  },
  {
    name: 'take a compacted base for the whole document',
    file: 'room/content.ts',
    find: 'this.#basePosition = position\n    const unfolded',
    replace: 'this.#basePosition = this.head.position\n    const unfolded',
  },
  {
    name: 'take a compacted base though what follows it has left the tail',
    file: 'room/content.ts',
    find: 'if (position < this.#tailStart.position || position > this.head.position) return',
    replace: 'if (position > this.head.position) return',
  },
  {
    name: 'call itself synced before the content is here',
    file: 'peer/peer.ts',
    find: "this.#enter({ at: 'syncing' })\n    // it was opened before",
    replace: "this.#enter({ at: 'live' })\n    // it was opened before",
  },
  {
    name: 'forget what was on its way when the connection broke',
    file: 'peer/outbox.ts',
    find: 'this.#waiting = this.unsaved\n',
    replace: '',
  },
  {
    name: 'store the resume point before the rows that it covers',
    file: 'peer/copyQueue.ts',
    find: '    if (items.length === 0 && this.#marks.size === 0 && !moved && idle) return null\n',
    replace: `    if (items.length === 0 && this.#marks.size === 0 && !moved && idle) return null
    if (moved && items.length > 0) {
      const write = { epoch: this.#epoch, append: [], saved: [], remove: [], resume }
      this.#flight = { write, items: [], pack: null, notes: noNotes, edits: this.#kept }
      this.#at = 'writing'
      return write
    }\n`,
  },
  {
    name: 'mark a row as saved before the ack',
    file: 'peer/copyQueue.ts',
    find: 'return edits.length === 0 ? saved : edits.every((edit) => edit.saved)',
    replace: 'return true',
  },
  {
    name: 'not load the rows that are pending',
    file: 'peer/copyQueue.ts',
    find: '      this.#unmarked.add(id)\n      addRowTo(outbox, update, changes, id)\n',
    replace: '      this.#unmarked.add(id)\n',
  },
  {
    name: 'call itself saved while it brings back what the relay has lost',
    file: 'peer/outbox.ts',
    find: 'return this.#owing ? Math.min(this.#saved, this.#edits - 1) : this.#saved',
    replace: 'return this.#saved',
  },
  {
    name: 'resume before what the relay has lost is back',
    file: 'peer/peer.ts',
    find: 'if (this.#outbox.owing) this.#resume = null\n',
    replace: '',
  },
  {
    name: 'open before the local copy has been read',
    file: 'peer/peer.ts',
    find: "if (this.#state.at === 'loading') this.#state = { at: 'loading', connected: true }\n    else if",
    replace: 'if',
  },
  {
    name: 'keep what needs a refused edit',
    file: 'peer/refusals.ts',
    find: 'return [edit, ...this.#aside.addAllThatNeed(others.map(({ update }) => update)).map((index) => others[index]!)]',
    replace: 'return others.length < 0 ? others : [edit]',
  },
  {
    name: 'take first content into a document that has some',
    file: 'room/room.ts',
    find: 'if (seed && !this.#takesSeed(update))',
    replace: 'if (seed && update.length === 0)',
  },
]

async function bundle(mutant: Mutant | null, outfile: string): Promise<void> {
  let applied = false
  await build({
    stdin: {
      contents: `import { firstFailure } from ${JSON.stringify(run)}
        const failure = firstFailure(Number(process.argv[2]), Number(process.argv[3]))
        console.log(JSON.stringify(failure))`,
      resolveDir: process.cwd(),
    },
    bundle: true,
    format: 'esm',
    platform: 'node',
    outfile,
    alias: { '@syncline/protocol': join(protocol, 'index.ts') },
    plugins: [
      {
        name: 'mutate',
        setup({ onLoad }) {
          onLoad({ filter: /packages.protocol.src.*\.ts$/ }, ({ path }) => {
            const source = readFileSync(path, 'utf8')
            if (mutant === null || path !== join(protocol, mutant.file)) return { contents: source, loader: 'ts' }
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
  if (stdout === '') throw new Error(stderr)
  return JSON.parse(stdout)
}

describe('the simulation notices when the code', () => {
  for (const [index, mutant] of mutants.entries()) {
    test(`would ${mutant.name}`, { timeout: 300_000 }, async () => {
      const file = join(directory, `mutant-${index}.mjs`)
      await bundle(mutant, file)
      const failure = firstFailure(file, seedsMax)
      console.info(`${mutant.name}: seed ${failure?.seed}: ${failure?.message.split('\n')[0]?.slice(0, 160)}`)
      expect(failure).not.toBe(null)
    })
  }

  test('and finds nothing in the code as it is, built the same way', { timeout: 300_000 }, async () => {
    const file = join(directory, 'unchanged.mjs')
    await bundle(null, file)
    expect(firstFailure(file, 100)).toBe(null)
  })
})
