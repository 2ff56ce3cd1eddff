import type { Command } from 'commander'
import { addCompact } from './compact.js'
import { addCreate, addDelete } from './delete.js'
import { addExport } from './export.js'
import { addImport } from './import.js'
import { addList } from './list.js'
import { addShow } from './show.js'

/** Adds `syncline doc` with what it can do to documents. */
export function addDoc(program: Command): void {
  const doc = program.command('doc').description('Lists, shows, exports, imports, deletes and compacts documents.')
  for (const add of [addList, addShow, addExport, addImport, addDelete, addCreate, addCompact]) add(doc)
}
