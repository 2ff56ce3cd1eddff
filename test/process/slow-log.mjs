// Loaded into a relay, this makes its disk stall: while the file named by SYNCLINE_STALL is there, no commit ends.
import { existsSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { LevelLog } from '../../packages/server/dist/log/level.js'

const stall = process.env.SYNCLINE_STALL ?? ''
const lookMs = 20
const { commit } = LevelLog.prototype

LevelLog.prototype.commit = async function (appends) {
  while (existsSync(stall)) await setTimeout(lookMs)
  return commit.call(this, appends)
}
