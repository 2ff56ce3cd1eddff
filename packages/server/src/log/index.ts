export type { BackupFile, BackupManifest } from './backup.js'
export { type LevelLog, openLevelLog } from './level.js'
export { MemoryLog } from './memory.js'
