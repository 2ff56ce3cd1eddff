import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Chance } from '../../support/sessions.js'
import { Disk, type NameRules } from './disk.js'
import type { Operation } from './journal.js'
import { scratch } from './past.js'

/** A process that does one thing after the other; paths stand for their files. */
class Script {
  readonly operations: Operation[] = []
  #next = 1

  create(path: string): this {
    return this.#with(path, true, () => {})
  }

  append(path: string, offset: number, text: string): this {
    return this.#with(path, false, (fd) => {
      this.operations.push({ type: 'write', fd, offset, bytes: Buffer.from(text) })
    })
  }

  sync(path: string, ok = true): this {
    return this.#with(path, false, (fd) => {
      const sync = this.#next++
      this.operations.push({ type: 'syncing', fd, sync }, { type: 'synced', fd, sync, ok })
    })
  }

  rename(path: string, to: string): this {
    this.operations.push({ type: 'rename', path, to })
    return this
  }

  unlink(path: string): this {
    this.operations.push({ type: 'unlink', path })
    return this
  }

  #with(path: string, creates: boolean, act: (fd: number) => void): this {
    const fd = this.#next++
    this.operations.push({ type: 'open', fd, path, creates, truncates: false })
    act(fd)
    this.operations.push({ type: 'close', fd })
    return this
  }
}

/** Everything that may be left, each as a list of `name=contents`. */
function leftovers({ operations }: Script, rules: NameRules = 'posix'): string[] {
  const disk = new Disk(rules)
  for (const operation of operations) disk.perform(operation)
  const place = mkdtempSync(join(scratch, 'syncline-disk-'))
  onTestFinished(() => rmSync(place, { recursive: true }))
  const chance = new Chance(1)
  const found = new Set<string>()
  for (let draw = 0; draw < 300; draw++) {
    const path = join(place, String(draw))
    disk.leave(path, chance)
    found.add(
      readdirSync(path)
        .map((name) => `${name}=${readFileSync(join(path, name), 'latin1').replaceAll('\0', '0')}`)
        .join(' '),
    )
  }
  return [...found].sort()
}

const named = () => new Script().create('f').sync('')

describe('what a power cut leaves', () => {
  test('of what was synced: all of it', () => {
    expect(leftovers(named().append('f', 0, 'abc').sync('f'))).toEqual(['f=abc'])
  })

  test('of what was not: nothing, all, a part, or zeros in its place', () => {
    const left = leftovers(named().append('f', 0, 'a').sync('f').append('f', 1, 'bc'))
    expect(left).toEqual(['f=a', 'f=a00', 'f=a0c', 'f=ab', 'f=abc'])
  })

  test('of two writes: the second, too, without the first', () => {
    const left = leftovers(named().append('f', 0, 'a').append('f', 1, 'b'))
    expect(left).toEqual(['f=', 'f=0', 'f=00', 'f=0b', 'f=a', 'f=a0', 'f=ab'])
  })

  test('of what a sync failed for: who knows, also after a later sync', () => {
    const left = leftovers(named().append('f', 0, 'a').sync('f', false).append('f', 1, 'b').sync('f'))
    expect(left).toEqual(['f=0b', 'f=ab'])
  })

  test('of a name: by POSIX what a sync of its directory brought there, else also what a sync of the file did', () => {
    const script = new Script().create('f').append('f', 0, 'a').sync('f')
    expect(leftovers(script, 'posix')).toEqual(['', 'f=a'])
    expect(leftovers(script, 'named')).toEqual(['f=a'])
    expect(leftovers(script.sync(''), 'posix')).toEqual(['f=a'])
  })

  test('of a rename: the old name or the new one', () => {
    expect(leftovers(named().rename('f', 'g'), 'posix')).toEqual(['f=', 'g='])
  })

  test('of changes of names, one after the other: only some file systems keep the order', () => {
    const script = new Script().create('f').create('g').sync('').rename('f', 'h').unlink('g')
    expect(leftovers(script, 'named')).toEqual(['f=', 'f= g=', 'g= h=', 'h='])
    expect(leftovers(script, 'ordered')).toEqual(['f= g=', 'g= h=', 'h='])
    // the first of them comes with the name of a file that was made later, and was synced
    expect(leftovers(script.create('i').sync('i'), 'ordered')).toEqual(['h= i='])
  })
})
