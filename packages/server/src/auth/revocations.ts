import { SynclineError } from '@syncline/protocol'
import { type Grant, isSubject, type Revocation } from './authorize.js'
import { parentsOf } from './subdocuments.js'

/** No token that lasts longer is taken: after that, none is left that a revocation could be about. */
export const lifetimeMsMax = 30 * 24 * 60 * 60_000

const revocationsMax = 10_000 // some 200 bytes each

/** True where a revocation is about this subject and this document; one of a document is about its subdocuments too. */
export function concerns({ subject, document }: Revocation, of: { subject: string; document: string }): boolean {
  if (subject !== undefined && subject !== of.subject) return false
  return document === undefined || document === of.document || parentsOf(of.document).includes(document)
}

/** A revocation, and when it was: ms since 1970. */
export interface DatedRevocation extends Revocation {
  readonly time: number
}

/** Where revocations outlive the process. */
export interface RevocationStore {
  read(): Promise<readonly DatedRevocation[]>
  /** replaces all of them; resolves when they are on disk */
  write(revocations: readonly DatedRevocation[]): Promise<void>
}

/** Whose access was taken away, and when: what was issued before counts no more. */
export class Revocations {
  readonly #store: RevocationStore | null
  /** by subject and document */
  readonly #revoked = new Map<string, DatedRevocation>()
  #loading: Promise<void> | null = null
  #writing: Promise<void> = Promise.resolve()

  constructor(store: RevocationStore | null) {
    this.#store = store
  }

  /** Resolves when those of the store are here; where it cannot be read, nobody may be let in. */
  load(): Promise<void> {
    this.#loading ??= this.#load().catch((error: unknown) => {
      this.#loading = null
      throw error
    })
    return this.#loading
  }

  /** True where this rests on something that was issued before its subject, or its document, was revoked. */
  covers({ subject, issuedAt }: Pick<Grant, 'subject'> & { readonly issuedAt: number }, document: string): boolean {
    if (this.#revoked.size === 0) return false
    const documents = [document, ...parentsOf(document)]
    const about: Revocation[] = [
      { subject },
      ...documents.flatMap((each) => [{ document: each }, { subject, document: each }]),
    ]
    return about.some((each) => issuedAt <= (this.#revoked.get(keyOf(each))?.time ?? Number.NEGATIVE_INFINITY))
  }

  /**
   * From this turn on it counts; resolves when it is on disk.
   *
   * @throws SynclineError `storage_failed`
   */
  async add(revocation: DatedRevocation): Promise<void> {
    this.#forgetOld(revocation.time)
    this.#put(revocation)
    if (this.#store === null) return
    await this.load()
    if (this.#revoked.size > revocationsMax) {
      throw new SynclineError('storage_failed', `${revocationsMax} revocations are kept, and no more`)
    }
    const store = this.#store
    const write = async () => store.write([...this.#revoked.values()])
    this.#writing = this.#writing.then(write, write)
    await this.#writing
  }

  async #load(): Promise<void> {
    for (const revocation of (await this.#store?.read()) ?? []) this.#put(revocation)
  }

  #put(revocation: DatedRevocation): void {
    const key = keyOf(revocation)
    const known = this.#revoked.get(key)
    if (known === undefined || known.time < revocation.time) this.#revoked.set(key, revocation)
  }

  #forgetOld(now: number): void {
    for (const [key, { time }] of this.#revoked) if (time + lifetimeMsMax < now) this.#revoked.delete(key)
  }
}

/** @throws SynclineError `invalid_option` where it is about nobody and nothing */
export function assertRevocation({ subject, document }: Revocation): void {
  if (subject === undefined && document === undefined) {
    throw new SynclineError('invalid_option', 'A revocation is about a subject, a document, or both')
  }
  if (subject !== undefined && !isSubject(subject)) {
    throw new SynclineError('invalid_option', 'A subject has 1 to 256 bytes, and no control characters')
  }
}

function keyOf({ subject, document }: Revocation): string {
  return JSON.stringify([subject ?? null, document ?? null])
}
