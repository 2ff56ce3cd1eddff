import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Chance } from '../../support/sessions.js'
import { Oracle } from '../oracle.js'
import type { Disk, NameRules } from './disk.js'
import type { Entry } from './journal.js'
import type { Note, Recording } from './recording.js'

/** A directory for what is written a thousand times: in memory, where there is one. */
export const scratch = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

/** The past of a recording, up to some entry: the disk, and what clients had been told by then. */
export class Past {
  readonly #oracle = new Oracle()
  readonly #disk: Disk
  readonly #entries: readonly Entry[]
  readonly #notes: readonly Note[]
  #performed = 0
  #told = 0

  /** @param entries default: as they were recorded */
  constructor(recording: Recording, rules: NameRules, entries: readonly Entry[] = recording.entries()) {
    this.#disk = recording.newDisk(rules)
    this.#entries = entries
    this.#notes = recording.notes
  }

  /** What clients had been told by then. */
  get told(): readonly Note[] {
    return this.#notes.slice(0, this.#told)
  }

  /** Goes on to where so many entries had been made. */
  goOn(entries: number): void {
    while (this.#performed < entries) this.#disk.perform(this.#entries[this.#performed++]!.operation)
    const length = this.#entries[entries - 1]?.end ?? 0
    while ((this.#notes[this.#told]?.at ?? Number.POSITIVE_INFINITY) <= length) {
      this.#notes[this.#told++]!.tell(this.#oracle)
    }
  }

  /** Cuts the power, and writes what may be left of the disk to `path`. */
  cut(path: string, chance: Chance): void {
    this.#disk.leave(path, chance)
  }

  /** Cuts the power, and opens what may be left; returns what is lost of what clients were told. */
  async lostByCut(chance: Chance): Promise<string[]> {
    const left = mkdtempSync(join(scratch, 'syncline-cut-'))
    try {
      this.cut(left, chance)
      return await this.#oracle.missingOnDisk(join(left, 'data'))
    } catch (error) {
      return [String(error)]
    } finally {
      rmSync(left, { recursive: true })
    }
  }
}
