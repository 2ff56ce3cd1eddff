import { forwarderWithFile } from '../servers/kinds.js'
import { sleep, type Trial } from '../trial.js'
import { documentOf, writing } from '../updates.js'
import type { Workload } from './workload.js'

const documentBytes = 2_000
// our relay keeps a room for 5 s after its last session, for whoever reloads a page
const lingerMs = 6_000

/** Sockets on which nothing happens, then a document on each of them, then nothing again. */
export const memory: Workload = {
  name: 'memory',
  title: '5,000 idle sockets, then 10,000 open documents of 2 KB',
  metrics: [
    { key: 'document', label: 'per open document', unit: 'KB' },
    { key: 'socket', label: 'per idle socket', unit: 'KB' },
    { key: 'left', label: 'left after all have gone', unit: '%' },
  ],
  isInspected: true,
  isLocal: true,
  rounds: 1, // long as it is
  skips: ({ name }) => name === forwarderWithFile,
  async run(trial) {
    const [sockets, documents] = [trial.pick(5_000, 100), trial.pick(10_000, 100)]
    assertOpenFiles(documents)
    const content = writing(1, documentBytes)
    // what is loaded and compiled at the first use is not the sockets'
    await open(trial, 50, 'warm', content)
    const atStart = await gone(trial)

    await trial.joinMany(sockets, (i) => `idle-${Math.floor(i / 100)}`)
    const withSockets = await trial.memory()
    await gone(trial)

    await open(trial, documents, 'open', content)
    const withDocuments = await trial.memory()
    const expected = documentOf([content])
    for (let i = 0; i < 20; i++) await trial.assertKept(`open-${Math.floor((i * documents) / 20)}`, expected)
    const atEnd = await gone(trial)

    const perSocket = (withSockets - atStart) / sockets
    return {
      document: ((withDocuments - atStart) / documents - perSocket) / 1000,
      socket: perSocket / 1000,
      left: (100 * (atEnd - atStart)) / (withDocuments - atStart),
    }
  },
}

/** This process has a socket for each document, and so has the server; both have some files besides. */
function assertOpenFiles(count: number): void {
  const { userLimits } = process.report.getReport() as { userLimits?: { open_files?: { hard: string | number } } }
  const most = Number(userLimits?.open_files?.hard ?? Number.NaN) // "unlimited", or not told, is no number
  if (most < count + 500) throw new Error(`needs ${count + 500} open files, and \`ulimit -Hn\` allows ${most}`)
}

/** So many documents, each with its author. */
async function open(trial: Trial, count: number, name: string, content: Uint8Array): Promise<void> {
  const authors = await trial.joinMany(count, (i) => `${name}-${i}`)
  for (const author of authors) author.write(content)
  if (trial.wire.acknowledges) {
    await trial.until('the documents to be saved', () => authors.every(({ savedCount }) => savedCount === 1))
  }
  await sleep(trial.pick(3_000, 100)) // Hocuspocus writes 2 s later
}

/** Everyone goes. */
async function gone(trial: Trial): Promise<number> {
  await trial.end()
  await sleep(trial.pick(lingerMs, 100))
  return trial.memory()
}
