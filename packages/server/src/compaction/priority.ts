// Imported by the compaction thread before anything else, since loading that takes time, too.
import { constants, setPriority } from 'node:os'

// whoever waits for a commit goes first; elsewhere than on Linux, threads have no priority of their own
if (process.platform === 'linux') setPriority(constants.priority.PRIORITY_BELOW_NORMAL)
