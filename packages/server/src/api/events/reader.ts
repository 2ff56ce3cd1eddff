import type { SynclineError } from '@syncline/protocol'
import type { Clock } from '../../clock.js'
import type { LiveDocument } from '../../documents/liveDocument.js'
import type { DocumentPoint } from '../../documents/types.js'
import type { Admission } from '../admission.js'

const heartbeatMs = 15_000
// a reader that took nothing for so long is gone, or as good as gone
const stuckMs = 60_000
// what is said in passing waits for a reader in so many events; the oldest are of the least interest
const signalsMax = 64

/** An event of a stream: its name, what it says, and the version that a reader has after it. */
export interface ServerEvent {
  readonly event: string
  readonly data: object
  readonly point: DocumentPoint
}

/** Where the events of a reader come from. */
export interface EventSource {
  /** what somebody lacks who knows a version; null where that is nothing */
  since(known: DocumentPoint | null): ServerEvent | null
  /** calls back when there is news; the result ends that */
  listen(listener: () => void): () => void
}

/** How one reader is served. */
export interface ReaderOptions {
  readonly clock: Clock
  /** the least time between two events */
  readonly intervalMs: number
  /** what the reader has already */
  readonly known: DocumentPoint | null
  /** by which it reads */
  readonly admission: Pick<Admission, 'watch' | 'leave'>
  /** the reader is gone */
  readonly ended: () => void
}

/**
 * Server-Sent Events for one reader. An event is made when the reader takes it and not before, out of all that is new
 * since the last one: a slow reader gets fewer and larger ones, and there is never more than one in memory.
 */
export function eventStream(
  document: LiveDocument,
  source: EventSource,
  { clock, intervalMs, known: first, admission, ended }: ReaderOptions,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  let known = first
  let sentAt = Number.NEGATIVE_INFINITY
  let wake = () => {}
  let cancelStuck = () => {}
  let ending: SynclineError | null = null
  let isOver = false
  const signals: string[] = []
  const stops = [
    source.listen(() => wake()),
    document.observe({
      changed: () => {},
      signalled: (payload) => {
        if (signals.push(payload) > signalsMax) signals.shift()
        wake()
      },
      ended: (error) => {
        ending = error
        wake()
      },
    }),
  ]
  const stop = () => {
    if (isOver) return
    isOver = true
    cancelStuck()
    for (const end of stops) end()
    admission.leave()
    ended()
    wake()
  }
  admission.watch((error) => {
    ending = error
    wake()
  })
  const pause = (ms: number) =>
    new Promise<void>((resolve) => {
      const cancel = clock.after(ms, () => resolve())
      wake = () => {
        cancel()
        resolve()
      }
    })

  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        controller.enqueue(encoder.encode(`retry: 2000\n\n`))
      },
      async pull(controller) {
        cancelStuck()
        const send = (text: string) => {
          controller.enqueue(encoder.encode(text))
          cancelStuck = clock.after(stuckMs, () => {
            controller.error(new Error('The reader takes nothing'))
            stop()
          })
        }
        const heartbeatAt = clock.now() + heartbeatMs
        while (!isOver) {
          if (ending) {
            send(`event: end\ndata: ${JSON.stringify({ code: ending.code, reason: ending.message })}\n\n`)
            controller.close()
            return stop()
          }
          if (signals.length > 0) return send(`event: signal\ndata: ${signals.shift()}\n\n`)
          const now = clock.now()
          const waitMs = sentAt + intervalMs - now
          const news = waitMs > 0 ? null : source.since(known)
          if (news) {
            known = news.point
            sentAt = now
            return send(textOf(news))
          }
          if (now >= heartbeatAt) return send(': still here\n\n')
          await pause(waitMs > 0 ? waitMs : heartbeatAt - now)
        }
        controller.close()
      },
      cancel: stop,
    },
    { highWaterMark: 0 },
  )
}

function textOf({ event, data, point }: ServerEvent): string {
  return `id: ${point.epoch}-${point.position}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`
}

/** The version in a `Last-Event-ID`; null where it is none. */
export function pointOfEventId(id: string | undefined): DocumentPoint | null {
  const [, epoch, position] = /^([0-9a-f]{16})-(\d{1,15})$/.exec(id ?? '') ?? []
  return epoch === undefined ? null : { epoch, position: Number(position) }
}
