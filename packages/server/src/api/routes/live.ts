import { SynclineError } from '@syncline/protocol'
import type { Context } from 'hono'
import type { LiveDocument } from '../../documents/liveDocument.js'
import type { DocumentPoint } from '../../documents/types.js'
import { admitted } from '../access.js'
import type { Feed } from '../events/feed.js'
import { type EventSource, eventStream, pointOfEventId } from '../events/reader.js'
import { documentNameOf, queryOf } from '../request.js'
import type { Route } from '../route.js'
import { eventsQuery } from '../schemas.js'
import type { ApiServices } from '../services.js'
import { existing } from './reading.js'

// each is a socket, and some KiB
const readersMax = 20_000
let readers = 0

function events(services: ApiServices, context: Context): Promise<Response> {
  const name = documentNameOf(services, context)
  return admitted(services, context, name, 'read', async (admission) => {
    const { mode, pointer, interval } = queryOf(context, eventsQuery)
    const document = await existing(services, name)
    if (context.req.method === 'HEAD') return context.body(null, 200, streamHeaders)
    if (readers >= readersMax) throw new SynclineError('document_busy', `${readersMax} readers are connected`)
    const feed = mode === 'patch' ? await services.feeds.open(document, pointer) : null
    const release = () => {
      if (feed) services.feeds.release(document, pointer)
    }
    try {
      admission.assertHolds()
    } catch (error) {
      release()
      throw error
    }
    readers++
    const body = eventStream(document, feed ? patches(feed) : positions(document), {
      clock: services.context.clock,
      intervalMs: interval,
      known: pointOfEventId(context.req.header('Last-Event-ID')),
      admission,
      ended() {
        readers--
        release()
      },
    })
    return context.body(body, 200, streamHeaders)
  })
}

// proxies shall not gather what is sent
const streamHeaders = { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no' }

function positions(document: LiveDocument): EventSource {
  return {
    since(known) {
      const { point } = document
      return isSame(known, point) ? null : { event: 'changed', data: point, point }
    },
    listen: (listener) => document.observe({ changed: listener, ended: () => {} }),
  }
}

function patches(feed: Feed): EventSource {
  return {
    since(known) {
      const news = feed.since(known)
      if (news === null) return null
      const { point } = news
      if (news.type === 'value') return { event: 'value', data: { ...point, value: news.value }, point }
      return { event: 'patch', data: { ...point, patch: news.operations }, point }
    },
    listen: (listener) => feed.listen(listener),
  }
}

function isSame(known: DocumentPoint | null, { epoch, position }: DocumentPoint): boolean {
  return known?.epoch === epoch && known.position === position
}

/** Documents as they change. */
export const liveRoutes: readonly Route[] = [
  {
    method: 'get',
    path: '/documents/{document}/events',
    id: 'followDocument',
    tag: 'Live',
    summary: 'Follows a document by Server-Sent Events',
    description:
      'mode=position: `changed` tells the version. mode=patch: `value` tells all of a part, `patch` how it has changed ' +
      'since the last event, as a JSON Patch; a part that is not there is null. Several changes are told as one, and no ' +
      'more often than `interval`. `signal` is what somebody says in passing. `end` tells that the document is gone. The id of an event is its version: whoever ' +
      'comes back with it as `Last-Event-ID` is told what is new since then.',
    query: eventsQuery,
    headers: ['Last-Event-ID'],
    answers: { 200: { description: 'A stream that does not end', content: { 'text/event-stream': null } } },
    problems: ['no_document', 'document_deleted', 'invalid_name', 'invalid_request', 'invalid_pointer'],
    handle: events,
  },
]
