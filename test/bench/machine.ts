import { spawnSync } from 'node:child_process'
import { closeSync, fdatasyncSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'

const isLinux = process.platform === 'linux'
const tickMs = 10 // of the times in /proc: 100 a second on all that Node runs on

/** CPU that a process has used until now, in milliseconds. */
export function cpuMsOf(pid: number): number {
  if (!isLinux) return psCpuMs(pid)
  // the command's name may hold spaces and brackets; after it come the fields from the third on
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) * tickMs
}

/** Memory that a process holds now, in bytes. */
export function residentBytesOf(pid: number): number {
  return isLinux ? statusBytes(pid, 'VmRSS') : Number(ps(pid, 'rss')) * 1024
}

/** The most that it ever held; elsewhere than on Linux what it holds now. */
export function peakBytesOf(pid: number): number {
  return isLinux ? statusBytes(pid, 'VmHWM') : residentBytesOf(pid)
}

/** A command that runs on one core alone, where the system can do that. */
export function pinned(core: number, command: readonly string[]): readonly string[] {
  return canPin ? ['taskset', '-c', String(core), ...command] : command
}

/** Keeps this process off the servers' core. */
export function pinOwnProcess(): void {
  if (canPin) spawnSync('taskset', ['-a', '-c', '-p', '1', String(process.pid)])
}

/** True where the server has a core of its own and so has the load. */
export const canPin = os.cpus().length > 1 && spawnSync('taskset', ['-V']).status === 0

/** What one has to know of this machine to judge the figures: the same in every run. */
export function describeMachine(): string {
  const [cpu] = os.cpus()
  const memory = `${Math.round(os.totalmem() / 2 ** 30)} GiB`
  const cores = `${os.cpus().length} × ${cpu?.model.trim()}`
  const pinning = canPin ? 'server on core 0, load on core 1' : 'nothing pinned'
  return `${cores}, ${memory}, ${os.type()} ${os.release()}, Node ${process.versions.node}, ${pinning}`
}

/** The median time of a small durable write. @param directory where the servers keep their data */
export function measureSyncMs(directory: string): number {
  const folder = mkdtempSync(join(directory, 'sync-'))
  const file = openSync(join(folder, 'file'), 'w')
  const times = Array.from({ length: 50 }, () => {
    const start = performance.now()
    writeSync(file, Buffer.alloc(64))
    fdatasyncSync(file)
    return performance.now() - start
  })
  closeSync(file)
  rmSync(folder, { recursive: true })
  return times.sort((a, b) => a - b)[25]!
}

function statusBytes(pid: number, field: string): number {
  const line = readFileSync(`/proc/${pid}/status`, 'utf8').match(new RegExp(`${field}:\\s+(\\d+) kB`))
  return Number(line?.[1]) * 1024
}

/** `ps` says minutes, seconds and hundredths: `1:02.34`. */
function psCpuMs(pid: number): number {
  const parts = ps(pid, 'cputime').split(/[:-]/).map(Number)
  return parts.reduce((sum, part) => sum * 60 + part, 0) * 1000
}

function ps(pid: number, field: string): string {
  return spawnSync('ps', ['-o', `${field}=`, '-p', String(pid)], { encoding: 'utf8' }).stdout.trim()
}
