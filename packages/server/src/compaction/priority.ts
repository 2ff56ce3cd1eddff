// Imported by the compaction thread before anything else, since loading that takes time, too.
import { constants, getPriority, setPriority } from 'node:os'

// Whoever waits for a commit goes first; elsewhere than on Linux, threads have no priority of their own. A process that
// was itself started with a low one may not raise it.
const lowest = constants.priority.PRIORITY_LOW
if (process.platform === 'linux') {
  setPriority(Math.min(getPriority(process.pid) + constants.priority.PRIORITY_BELOW_NORMAL, lowest))
}
