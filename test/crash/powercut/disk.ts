import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Chance } from '../../support/sessions.js'
import { FileOnDisk } from './file.js'
import type { Operation } from './journal.js'

/**
 * What a file system keeps of names beyond POSIX, by which an entry of a directory is there after a power cut only
 * where the directory was synced, and each change of names may be there without those before it.
 *
 * - `posix`: nothing
 * - `named`: whoever syncs a file syncs the name that it has
 * - `ordered`: that, and the changes of names within a directory reach the disk in their order. ext4, XFS and btrfs
 *   keep at least this much of a single directory.
 */
export type NameRules = 'posix' | 'named' | 'ordered'

/** Names of a directory that change together: one, or the two of a rename. */
interface NameChange {
  readonly names: ReadonlyMap<string, Node | null>
  isDurable: boolean
}

type Node = FileOnDisk | Directory

/** A directory: what its last sync left, and what changed since. */
class Directory {
  readonly durable = new Map<string, Node>()
  readonly changes: NameChange[] = []
  /** what a running process sees */
  readonly seen = new Map<string, Node>()

  change(names: ReadonlyMap<string, Node | null>): NameChange {
    const change = { names, isDurable: false }
    this.changes.push(change)
    apply(this.seen, names)
    return change
  }

  /** Forgets the changes that are durable and have no other before them. */
  settle(): void {
    const pending = this.changes.findIndex(({ isDurable }) => !isDurable)
    const settled = this.changes.splice(0, pending < 0 ? this.changes.length : pending)
    for (const { names } of settled) apply(this.durable, names)
  }

  /** What may be left after a power cut. */
  leftovers(chance: Chance, rules: NameRules): Map<string, Node> {
    const left = new Map(this.durable)
    const inOrder = chance.int(this.changes.length + 1)
    const odds = chance.pick([0, 0.5, 1])
    this.changes.forEach(({ names, isDurable }, index) => {
      const isKept = rules === 'ordered' ? index < inOrder : chance.happens(odds)
      if (isDurable || isKept) apply(left, names)
    })
    return left
  }
}

function apply(entries: Map<string, Node>, names: ReadonlyMap<string, Node | null>): void {
  for (const [name, node] of names) {
    if (node === null) entries.delete(name)
    else entries.set(name, node)
  }
}

/** A sync that has begun and covers what came before it. */
interface Sync {
  readonly changes: readonly NameChange[]
  readonly directory: Directory | null
  readonly endFile: ((ok: boolean) => void) | null
}

/**
 * A disk on which a process works, as its journal tells, and what a power cut may leave of it.
 *
 * Of a file's contents, what was written before a sync that has returned is there. Of what was written since, anything
 * may be there: nothing, all, some writes and not others, parts of a write; a hole reads as zeros. A sync that failed
 * leaves what it was for in doubt for ever, whatever later syncs of that file return. Of names see {@link NameRules}.
 */
export class Disk {
  readonly #rules: NameRules
  readonly #root = new Directory()
  readonly #open = new Map<number, Node>()
  /** the last change that gave a file its name, and where */
  readonly #named = new Map<Node, { readonly directory: Directory; readonly change: NameChange }>()
  readonly #syncs = new Map<number, Sync>()

  constructor(rules: NameRules) {
    this.#rules = rules
  }

  /** Takes over, as durable, what is in a directory of the real disk. */
  load(path: string): void {
    fill(this.#root, path)
  }

  perform(operation: Operation): void {
    switch (operation.type) {
      case 'process':
        this.#open.clear()
        return this.#syncs.clear()
      case 'open':
        return this.#openFile(operation)
      case 'close':
        this.#open.delete(operation.fd)
        return
      case 'write':
        return this.#file(operation.fd).write(operation.offset, operation.bytes)
      case 'truncate':
        return this.#file(operation.fd).truncate(operation.size)
      case 'syncing':
        return this.#beginSync(operation)
      case 'synced':
        return this.#endSync(operation)
      case 'makeDirectory':
        return this.#name(operation.path, new Directory())
      case 'unlink':
        return this.#name(operation.path, null)
      case 'link':
        return this.#name(operation.to, this.#node(operation.path))
      case 'rename':
        return this.#rename(operation.path, operation.to)
    }
  }

  /** Writes to `path` what a power cut now may leave. Each draw of `chance` gives another outcome. */
  leave(path: string, chance: Chance): void {
    const write = (directory: Directory, to: string) => {
      mkdirSync(to, { recursive: true })
      for (const [name, node] of directory.leftovers(chance, this.#rules)) {
        if (node instanceof Directory) write(node, join(to, name))
        else writeFileSync(join(to, name), node.leftover(chance))
      }
    }
    write(this.#root, path)
  }

  /** Everything as the process sees it, by path: what is on the real disk while there was no power cut. */
  seen(): Map<string, Buffer> {
    const files = new Map<string, Buffer>()
    const collect = (directory: Directory, path: string) => {
      for (const [name, node] of directory.seen) {
        if (node instanceof Directory) collect(node, join(path, name))
        else files.set(join(path, name), node.seen())
      }
    }
    collect(this.#root, '')
    return files
  }

  #openFile({ fd, path, creates, truncates }: Extract<Operation, { type: 'open' }>): void {
    const existing = this.#find(path)
    if (existing === undefined && !creates) throw new Error(`${path} was opened, but the journal knows no such file`)
    const node = existing ?? new FileOnDisk()
    if (existing === undefined) this.#name(path, node)
    else if (truncates) (node as FileOnDisk).truncate(0)
    this.#open.set(fd, node)
  }

  #beginSync({ fd, sync }: Extract<Operation, { type: 'syncing' }>): void {
    const node = this.#open.get(fd)!
    const isFile = node instanceof FileOnDisk
    this.#syncs.set(sync, {
      changes: isFile ? this.#changesThatName(node) : [...node.changes],
      directory: isFile ? (this.#named.get(node)?.directory ?? null) : node,
      endFile: isFile ? node.beginSync() : null,
    })
  }

  #endSync({ sync, ok }: Extract<Operation, { type: 'synced' }>): void {
    const { changes, directory, endFile } = this.#syncs.get(sync)!
    this.#syncs.delete(sync)
    endFile?.(ok)
    if (!ok) return
    for (const change of changes) change.isDurable = true
    directory?.settle()
  }

  /** The changes of names that a sync of a file brings to the disk as well. */
  #changesThatName(file: FileOnDisk): readonly NameChange[] {
    const named = this.#named.get(file)
    const index = named?.directory.changes.indexOf(named.change) ?? -1
    if (index < 0 || this.#rules === 'posix') return []
    return named!.directory.changes.slice(this.#rules === 'ordered' ? 0 : index, index + 1)
  }

  #rename(from: string, to: string): void {
    const [directory, name] = this.#place(from)
    const [toDirectory, toName] = this.#place(to)
    if (directory !== toDirectory) throw new Error(`a rename from one directory to another: ${from} to ${to}`)
    const node = this.#node(from)
    const change = directory.change(
      new Map([
        [name, null],
        [toName, node],
      ]),
    )
    this.#named.set(node, { directory, change })
  }

  #name(path: string, node: Node | null): void {
    const [directory, name] = this.#place(path)
    const change = directory.change(new Map([[name, node]]))
    if (node !== null) this.#named.set(node, { directory, change })
  }

  #place(path: string): [Directory, string] {
    const slash = path.lastIndexOf('/')
    return [this.#node(path.slice(0, Math.max(slash, 0))) as Directory, path.slice(slash + 1)]
  }

  #node(path: string): Node {
    const node = this.#find(path)
    if (node === undefined) throw new Error(`the journal knows no ${path}`)
    return node
  }

  #find(path: string): Node | undefined {
    let node: Node | undefined = this.#root
    for (const name of path.split('/')) {
      if (name !== '') node = node instanceof Directory ? node.seen.get(name) : undefined
    }
    return node
  }

  #file(fd: number): FileOnDisk {
    return this.#open.get(fd) as FileOnDisk
  }
}

function fill(directory: Directory, path: string): void {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const from = join(path, entry.name)
    const node = entry.isDirectory() ? new Directory() : new FileOnDisk(readFileSync(from))
    if (node instanceof Directory) fill(node, from)
    directory.durable.set(entry.name, node)
    directory.seen.set(entry.name, node)
  }
}
