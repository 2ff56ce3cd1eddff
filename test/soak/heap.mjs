// Loaded into a relay, this tells now and then in the file named by SYNCLINE_HEAP what is alive: after a collection.
import { writeFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

const everyMs = 2_000
const file = process.env.SYNCLINE_HEAP
setFlagsFromString('--expose-gc')
/** @type {() => void} */
const gc = runInNewContext('gc')

if (file !== undefined) {
  setInterval(() => {
    gc()
    const { heapUsed, external } = process.memoryUsage()
    writeFileSync(file, String(heapUsed + external))
  }, everyMs).unref()
}
