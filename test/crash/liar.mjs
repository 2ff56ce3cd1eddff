// Loaded into a relay, this makes it a liar: what it calls committed is written some time later.
import { setTimeout } from 'node:timers/promises'
import { LevelLog } from '../../packages/server/dist/log/level.js'

const lateMs = 30
const { commit } = LevelLog.prototype
/** @type {Promise<unknown>} */
let written = Promise.resolve()

LevelLog.prototype.commit = async function (appends) {
  written = written.then(() => setTimeout(lateMs)).then(() => commit.call(this, appends))
}
