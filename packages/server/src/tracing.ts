import { SpanStatusCode, type Tracer } from '@opentelemetry/api'
import type { Append, Log } from '@syncline/protocol'
import { type PackedBases, packedBasesOf } from './log/packedBases.js'
import { asError } from './logger.js'

/**
 * A log whose reads, commits and compactions are spans of OpenTelemetry: `syncline.read`, `syncline.commit` and
 * `syncline.compact`, with counts and bytes, and without names of documents. A request over HTTP that an SDK traces has
 * its reads below it; a commit is of many people and stands for itself. Without an SDK a tracer does nothing.
 *
 * @example
 * const relay = new Relay(tracedLog(await openLevelLog('./data'), trace.getTracer('syncline')))
 */
export function tracedLog<L extends Log>(log: L, tracer: Tracer): L {
  const packed = packedBasesOf(log)
  const reading = <Stored extends Readable>(read: () => Promise<Stored | null>) =>
    span(tracer, 'syncline.read', {}, async (add) => {
      const stored = await read()
      add({ 'syncline.records': stored?.records.length ?? 0, 'syncline.bytes': stored?.base?.length ?? 0 })
      return stored
    })
  const compacting = (base: { readonly length: number }, replace: () => Promise<boolean>) =>
    span(tracer, 'syncline.compact', { 'syncline.bytes': base.length }, replace)
  const traced: Pick<Log, 'read' | 'commit' | 'replaceBase'> & PackedBases = {
    read: (document) => reading(() => log.read(document)),
    readPacked: (document) => reading(() => packed.readPacked(document)),
    commit: (appends) => span(tracer, 'syncline.commit', sizesOf(appends), () => log.commit(appends)),
    replaceBase: (document, replacement) => compacting(replacement.base, () => log.replaceBase(document, replacement)),
    replacePacked: (document, replacement) =>
      compacting(replacement.base, () => packed.replacePacked(document, replacement)),
  }
  return new Proxy(log, {
    get(target, key) {
      if (Object.hasOwn(traced, key)) return traced[key as keyof typeof traced]
      const value: unknown = Reflect.get(target, key, target)
      // its own fields are private to it: a method of it is called on itself
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

interface Readable {
  readonly base: { readonly length: number } | null
  readonly records: readonly unknown[]
}

type Sizes = Readonly<Record<string, number>>

function sizesOf(appends: readonly Append[]): Sizes {
  const runs = appends.flatMap(({ record }) => record.runs)
  const bytes = runs.reduce((sum, { update }) => sum + update.length, 0)
  return { 'syncline.documents': appends.length, 'syncline.bytes': bytes }
}

function span<T>(tracer: Tracer, name: string, attributes: Sizes, run: (add: (more: Sizes) => void) => Promise<T>) {
  return tracer.startActiveSpan(name, { attributes }, async (current) => {
    try {
      return await run((more) => current.setAttributes(more))
    } catch (error) {
      // a code says enough, and has no name in it
      const { code, name } = asError(error) as Error & { readonly code?: unknown }
      current.setStatus({ code: SpanStatusCode.ERROR, message: typeof code === 'string' ? code : name })
      throw error
    } finally {
      current.end()
    }
  })
}
