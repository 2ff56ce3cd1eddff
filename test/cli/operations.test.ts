import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { joinNative, joinYWebsocket } from '../support/clients.js'
import { root } from '../support/tree.js'
import { until } from '../support/until.js'
import { emptyDirectory, flip, keyAt, startRelay, syncline, textOf, Writing, withLog } from './support.js'

type Relay = Awaited<ReturnType<typeof startRelay>>

const saved = (person: ReturnType<typeof joinNative>) =>
  until('it to be saved', () => person.handle.status.saved && person.handle.status.synced, {
    seen: () => person.handle.status,
  })

async function readBy(relay: Relay, name: string): Promise<string> {
  const reader = joinYWebsocket(relay, name)
  await reader.synced
  await reader.leave()
  return reader.text.toString()
}

describe('commands while the relay runs', () => {
  test('status, delete, create, compact and backup reach it', async () => {
    const relay = await startRelay()
    const data = ['--data', relay.dataDirectory]
    const [ann, ben] = [joinNative(relay, 'notes'), joinNative(relay, 'other')]
    await Promise.all([ann.synced, ben.synced])
    for (let i = 0; i < 20; i++) ben.text.insert(0, `${i} `)
    ann.text.insert(0, 'private')
    await Promise.all([saved(ann), saved(ben)])
    const status = await syncline('status', ...data)
    expect(status.code).toBe(0)
    expect(JSON.parse(status.out)).toMatchObject({ ready: true, sessions: 2, pid: relay.process.pid })

    expect(await syncline('doc', 'compact', 'other', ...data)).toMatchObject({ code: 0, out: '"other" is compact\n' })
    const asked = await syncline('doc', 'delete', 'notes', ...data)
    expect([asked.code, asked.err]).toEqual([2, expect.stringContaining('--yes')])
    expect(await syncline('doc', 'delete', 'notes', '--yes', ...data)).toMatchObject({ code: 0 })
    await until('ann to be told', () => ann.handle.status.error?.code === 'document_deleted')
    const again = await syncline('doc', 'delete', 'notes', '--yes', ...data)
    expect([again.code, again.err]).toEqual([1, expect.stringMatching(/^syncline: no_document/)])
    // an application that opens it without a word of what it has
    const newcomer = joinNative(relay, 'notes')
    await expect(newcomer.synced).rejects.toMatchObject({ code: 'document_deleted' })

    expect(await syncline('doc', 'create', 'notes', ...data)).toMatchObject({ code: 0 })
    expect(await readBy(relay, 'notes')).toBe('')
    const target = join(emptyDirectory(), 'backup')
    const backup = await syncline('backup', target, ...data, '--json')
    expect([backup.code, backup.err, JSON.parse(backup.out)]).toMatchObject([0, '', { documents: 2, format: 1 }])
    expect((await fetch(`${relay.url}/healthz`)).status).toBe(200)
    expect(ben.handle.status.connection).toBe('online')
    await Promise.all([ann.leave(), ben.leave(), newcomer.leave()])
  })

  test('reach it through a socket that is its owner’s alone, also after it was killed', async () => {
    const relay = await startRelay()
    const socket = join(relay.dataDirectory, 'control.sock')
    expect(statSync(socket).mode & 0o777).toBe(0o600)
    await relay.kill('SIGKILL')
    expect(existsSync(socket)).toBe(true)
    const stopped = await syncline('status', '--data', relay.dataDirectory)
    expect([stopped.code, JSON.parse(stopped.out)]).toEqual([1, { running: false }])
    // nobody listens: the command opens the log itself
    const none = await syncline('doc', 'delete', 'notes', '--yes', '--data', relay.dataDirectory)
    expect([none.code, none.err]).toEqual([1, expect.stringMatching(/^syncline: no_document/)])
    await relay.start()
    expect((await syncline('status', '--data', relay.dataDirectory)).code).toBe(0)
    await relay.kill('SIGTERM')
    expect(existsSync(socket)).toBe(false)
  })

  test('reach it where the path of the directory is too long for a socket', async () => {
    const data = join(emptyDirectory(), 'long'.repeat(30))
    const relay = await startRelay({ dataDirectory: data })
    const path = readFileSync(join(data, 'control.path'), 'utf8')
    expect(existsSync(path)).toBe(true)
    expect((await syncline('status', '--data', data)).code).toBe(0)
    await relay.restart() // killed
    expect(existsSync(path)).toBe(false)
    expect((await syncline('status', '--data', data)).code).toBe(0)
    await relay.kill('SIGTERM')
    expect(readdirSync(data)).toEqual(['log'])
  })

  test('are bounded, and what is no command gets an answer', async () => {
    const relay = await startRelay()
    const ask = (text: string) =>
      new Promise<string>((resolve, reject) => {
        const socket = connect(join(relay.dataDirectory, 'control.sock'))
        let answer = ''
        socket.on('data', (bytes) => {
          answer += bytes
        })
        socket.on('close', () => resolve(answer))
        socket.on('error', reject)
        socket.write(text)
      })
    const post = (path: string, body: string) =>
      ask(
        `POST ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n` +
          `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      )
    expect(await post('/documents/delete', `{"name":"${'x'.repeat(100_000)}"}`)).toMatch(/^HTTP\/1.1 413/)
    expect(await post('/documents/delete', '{"name":7}')).toMatch(/^HTTP\/1.1 409[\s\S]*invalid_option/)
    expect(await post('/documents/delete', '{"name":"a\\u0000"}')).toMatch(/^HTTP\/1.1 409[\s\S]*invalid_name/)
    expect(await post('/documents/delete', 'no json')).toMatch(/^HTTP\/1.1 409[\s\S]*invalid_option/)
    expect(await post('/nowhere', '{}')).toMatch(/^HTTP\/1.1 404[\s\S]*not_found/)
    expect((await fetch(`${relay.url}/healthz`)).status).toBe(200)
  })
})

describe('backup and restore', () => {
  test('a client that is ahead of the backup brings back what it lacks', async () => {
    const relay = await startRelay()
    const target = join(emptyDirectory(), 'backup')
    const ann = joinNative(relay, 'notes')
    const gone = joinNative(relay, 'gone')
    await Promise.all([ann.synced, gone.synced])
    ann.text.insert(0, 'before, ')
    gone.text.insert(0, 'deleted')
    await Promise.all([saved(ann), saved(gone)])
    await gone.leave()
    await syncline('doc', 'delete', 'gone', '--yes', '--data', relay.dataDirectory)
    const backup = await syncline('backup', target, '--data', relay.dataDirectory)
    expect([backup.code, backup.err]).toEqual([0, ''])
    ann.text.insert(ann.text.length, 'after the backup')
    await saved(ann)
    const { port } = relay
    await relay.kill('SIGTERM')

    const data = join(emptyDirectory(), 'restored')
    const restored = await syncline('restore', target, '--data', data)
    expect([restored.code, restored.err, restored.out]).toEqual([0, '', expect.stringMatching(/^1 document as of/)])
    expect(await withLog(data, async (log) => textOf(await log.read('notes')))).toBe('before, ')
    const second = await startRelay({ dataDirectory: data, port })
    await until('ann to be back', () => ann.handle.status.connection === 'online')
    // her edit was acknowledged once: `saved` does not wait for it to be brought back
    const reader = joinYWebsocket(second, 'notes')
    await reader.synced
    await until('what the backup lacks', () => reader.text.toString() === 'before, after the backup')
    await reader.leave()
    expect(await readBy(second, 'notes')).toBe('before, after the backup')
    const late = joinNative(second, 'gone')
    await expect(late.synced).rejects.toMatchObject({ code: 'document_deleted' })
    await Promise.all([ann.leave(), late.leave()])
  })

  test('a backup under load is of one moment: a beginning of each history, and causally whole', async () => {
    const relay = await startRelay()
    const people = ['a', 'b', 'c'].map((name) => joinNative(relay, name))
    await Promise.all(people.map((person) => person.synced))
    let words = 0
    const typing = setInterval(() => {
      words++
      for (const { text } of people) text.insert(text.length, `${words} `)
    }, 1)
    const root = emptyDirectory()
    for (let i = 0; i < 3; i++) {
      const target = join(root, `backup ${i}`)
      expect((await syncline('backup', target, '--data', relay.dataDirectory)).code).toBe(0)
      expect((await syncline('restore', target, '--data', join(root, `data ${i}`))).code).toBe(0)
    }
    clearInterval(typing)
    for (let i = 0; i < 3; i++) {
      const data = join(root, `data ${i}`)
      expect((await syncline('check', '--deep', '--data', data)).code).toBe(0)
      await withLog(data, async (log) => {
        for (const [index, name] of ['a', 'b', 'c'].entries()) {
          const found = textOf(await log.read(name))
          expect(found.length).toBeGreaterThan(0)
          expect(people[index]!.text.toString().startsWith(found)).toBe(true)
        }
      })
    }
    await Promise.all(people.map((person) => person.leave()))
  })

  test('keeps all there is: bases, history, what was set aside; also without a relay', async () => {
    const data = emptyDirectory()
    const writing = new Writing()
    await withLog(data, async (log) => {
      for (let i = 0; i < 50; i++) await log.commit(['notes', 'other'].map((name) => writing.next(name, `${i} `)))
      const replacement = { base: writing.all('notes'), keepAfter: 45, keepHistory: true }
      await log.replaceBase('notes', { point: writing.point('notes'), ...replacement })
    })
    await flip(data, keyAt('r', 'other', 30), 7)
    await syncline('repair', '--data', data)
    const root = emptyDirectory()
    const target = join(root, 'backup')
    expect((await syncline('backup', target, '--data', data)).code).toBe(0)
    expect((await syncline('restore', target, '--data', join(root, 'data'))).code).toBe(0)
    const described = async (directory: string) =>
      withLog(directory, async (log) => {
        const history = (await log.history('notes')).length
        return [history, textOf(await log.read('notes')), textOf(await log.read('other'))]
      })
    expect(await described(join(root, 'data'))).toEqual(await described(data))
    expect((await syncline('check', '--data', join(root, 'data'), '--json')).out).toContain('"quarantined":21')
    const epochs = (directory: string) =>
      withLog(directory, async (log) => (await log.list()).map(({ epoch }) => epoch))
    const [before, after] = [await epochs(data), await epochs(join(root, 'data'))]
    expect(after.some((epoch) => before.includes(epoch))).toBe(false)
    expect(statSync(target).mode & 0o777).toBe(0o700)
  })

  test('refuses what is there already, and what is not as it was written', async () => {
    const data = emptyDirectory()
    const writing = new Writing()
    await withLog(data, (log) => log.commit([writing.next('notes', 'a')]))
    const root = emptyDirectory()
    const target = join(root, 'backup')
    mkdirSync(target) // an empty one is welcome
    expect((await syncline('backup', target, '--data', data)).code).toBe(0)
    const refused = async (code: string, ...args: string[]) => {
      const said = await syncline(...args)
      expect([said.code, said.err]).toEqual([1, expect.stringMatching(new RegExp(`^syncline: ${code}: `))])
    }
    await refused('not_empty', 'backup', target, '--data', data)
    await refused('not_empty', 'restore', target, '--data', data)
    await refused('storage_failed', 'backup', join(root, 'no', 'parent'), '--data', data)
    expect(readdirSync(root)).toEqual(['backup'])

    const restore = ['restore', target, '--data', join(root, 'data')]
    const files = ['manifest.json', 'entries-000001']
    expect(readdirSync(target).sort()).toEqual(files.toSorted())
    for (const file of files) {
      const bytes = readFileSync(join(target, file))
      const wrong = Buffer.from(bytes)
      wrong[wrong.length >> 1]! ^= 1
      for (const broken of [wrong, bytes.subarray(0, -1 - (bytes.length >> 1)), Buffer.alloc(0)]) {
        writeFileSync(join(target, file), broken)
        if (file === 'manifest.json' && broken === wrong) continue // it may still say the same
        await refused('backup_damaged', ...restore)
      }
      writeFileSync(join(target, file), bytes)
    }
    const manifest = JSON.parse(readFileSync(join(target, 'manifest.json'), 'utf8'))
    writeFileSync(join(target, 'manifest.json'), JSON.stringify({ ...manifest, format: 2 }))
    await refused('unknown_format', ...restore)
    writeFileSync(join(target, 'manifest.json'), JSON.stringify({ ...manifest, documents: 2 }))
    await refused('backup_damaged', ...restore)
    writeFileSync(join(target, 'manifest.json'), JSON.stringify(manifest))
    expect((await syncline(...restore)).code).toBe(0)
  })
})

test('a backup that was written in format 1 is restored, and its documents are what they were', async () => {
  const data = join(emptyDirectory(), 'data')
  const restored = await syncline('restore', join(root, 'test/fixtures/backup/format-1'), '--data', data)
  expect([restored.code, restored.err]).toEqual([0, ''])
  expect((await syncline('check', '--deep', '--data', data)).code).toBe(0)
  await withLog(data, async (log) => {
    expect((await log.list()).map(({ name, position }) => [name, position])).toEqual([
      ['notes/today', 1],
      ['plan', 2],
    ])
    expect(await log.read('plan')).toMatchObject({ basePosition: 2, base: expect.any(Uint8Array) })
  })
  const exported = await syncline('doc', 'export', 'notes/today', '--format', 'json', '--data', data)
  expect(exported.out).toContain('Hello from format 1')
})
