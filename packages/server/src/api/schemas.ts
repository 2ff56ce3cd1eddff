import { z } from 'zod'
import type { Json } from '../documents/values.js'
import { allErrorCodes } from '../errors.js'

// One place for the forms of what comes in and goes out: requests are checked against these, and OpenAPI is made of them.

const position = z.int().nonnegative().describe('Number of the last commit')
const epoch = z
  .string()
  .regex(/^[0-9a-f]{16}$/)
  .describe("Identity of the document's history")
const time = z.int().nonnegative()
const pointer = z.string().max(4_096)
// what was parsed is JSON: walking through all of it again would tell nothing
export const json = z.custom<Json>((value) => value !== undefined, 'expected a value').describe('Any JSON')

/** Any JSON. */
export const jsonSchema = json

/** A version of a document. */
export const pointSchema = z.object({ epoch, position }).meta({ id: 'Version' })

/** An error, see RFC 9457. */
export const problemSchema = z
  .object({
    type: z.literal('about:blank'),
    title: z.string(),
    status: z.int(),
    code: z.enum(Object.keys(allErrorCodes) as [string, ...string[]]).describe('What went wrong; stable'),
    detail: z.string().describe('What was seen, and what to do'),
  })
  .meta({ id: 'Problem' })

/** What a listing tells of a document. */
export const documentSchema = z
  .object({
    name: z.string(),
    epoch,
    position,
    bytes: z.int().nonnegative().describe('On disk, about'),
    createdAt: time.nullable().describe('Its first commit, in ms since 1970; null where that was not kept'),
    changedAt: time.nullable().describe('Its last commit, in ms since 1970; null where that was not kept'),
  })
  .meta({ id: 'Document' })

export const listSchema = z
  .object({
    documents: z.array(documentSchema),
    next: z.string().optional().describe('The cursor of the next page; absent on the last one'),
  })
  .meta({ id: 'DocumentList' })

export const createdSchema = pointSchema.extend({ name: z.string() }).meta({ id: 'Created' })

const path = pointer.describe('A JSON Pointer')

export const patchSchema = z
  .array(
    z.discriminatedUnion('op', [
      z.object({ op: z.enum(['add', 'replace', 'test']), path, value: json }),
      z.object({ op: z.literal('remove'), path }),
      z.object({ op: z.enum(['move', 'copy']), path, from: path }),
    ]),
  )
  .max(10_000)
  .meta({ id: 'JsonPatch' })

export const objectSchema = z.record(z.string(), json).meta({ id: 'JsonObject' })

export const appendSchema = z
  .union([z.strictObject({ text: z.string() }), z.strictObject({ items: z.array(json).min(1).max(10_000) })])
  .meta({ id: 'Append' })

export const proseMirrorSchema = z
  .object({ type: z.literal('doc'), content: z.array(json) })
  .meta({ id: 'ProseMirrorDocument' })

export const presenceSchema = z
  .strictObject({
    state: objectSchema.describe('The entry, such as {"user": {"name": "Robot"}}'),
    ttl: z.int().min(1).max(86_400).default(60).describe('How long it stays, in seconds'),
  })
  .meta({ id: 'AwarenessEntry' })

export const presencePutSchema = z.object({ client: z.int(), expiresAt: z.int() }).meta({ id: 'AwarenessPut' })

export const awarenessSchema = z
  .object({ clients: z.array(z.object({ client: z.int(), state: json })) })
  .meta({ id: 'Awareness' })

export const signalledSchema = z.object({ sessions: z.int() }).meta({ id: 'Signalled' })

export const sessionsSchema = z
  .object({
    sessions: z.array(
      z.object({
        id: z.int(),
        subject: z.string().describe('Empty where nobody asked who it is'),
        access: z.enum(['read', 'write']),
        address: z.string(),
        since: z.int().describe('ms since 1970'),
      }),
    ),
  })
  .meta({ id: 'Sessions' })

export const webhooksSchema = z
  .object({
    pending: z.int().nonnegative().describe('Documents of which a webhook is still to be told'),
    setAside: z
      .array(
        z.object({
          document: z.string(),
          url: z.string().describe('Without its query'),
          events: z.array(z.string()),
          attempts: z.int(),
          reason: z.string(),
          since: z.iso.datetime(),
        }),
      )
      .describe('What was given up after all attempts'),
  })
  .meta({ id: 'Webhooks' })

export const replayedSchema = z.object({ replayed: z.int().nonnegative() }).meta({ id: 'WebhooksReplayed' })

export const replayQuery = z.strictObject({
  documents: z.string().min(1).max(512).default('*').describe('Only such names; * stands for any characters'),
})

export const revocationSchema = z
  .strictObject({ subject: z.string().optional(), document: z.string().optional() })
  .describe("A subject's access to every document, everybody's to a document, or a subject's to a document")
  .meta({ id: 'Revocation' })

export const revokedSchema = z.object({ sessions: z.int().describe('How many were ended') }).meta({ id: 'Revoked' })

export const readOnlySchema = z
  .strictObject({ seconds: z.int().min(1).max(86_400).describe('How long') })
  .meta({ id: 'ReadOnly' })

export const readOnlyAnswerSchema = z
  .object({ until: time.describe('In ms since 1970') })
  .meta({ id: 'ReadOnlyWindow' })

export const changesSchema = z
  .object({
    changes: z.array(
      z.object({ position, time: time.describe('In ms since 1970'), bytes: z.int(), authors: z.array(z.string()) }),
    ),
  })
  .describe('The last commits, the newest first; those that compaction took in may be missing')
  .meta({ id: 'Changes' })

const percentiles = z.object({ p50: z.number(), p99: z.number() }).nullable()

export const overviewSchema = z
  .object({
    time,
    version: z.string(),
    uptimeMs: z.int(),
    ready: z.boolean(),
    readOnly: z.boolean().describe('Less than the reserve of the disk is free'),
    stats: z.record(z.string(), json).describe('What it is doing, and what it has counted since it began'),
    commitMs: percentiles,
    ackMs: percentiles,
    loopLagMs: z.number().nullable().describe('Since it was asked for last; null the first time'),
    memoryBytes: z.int(),
    disk: z.object({ freeBytes: z.number(), totalBytes: z.number() }).nullable(),
    settings: z.record(z.string(), z.string()),
    documents: z.array(
      z.object({
        name: z.string(),
        sessions: z.int(),
        bytes: z.int(),
        updates: z.int().describe('Since it is in memory'),
        readOnlyUntil: time.nullable(),
      }),
    ),
  })
  .meta({ id: 'Overview' })

export const listQuery = z.strictObject({
  prefix: z.string().max(512).default('').describe('Only names that begin with this'),
  cursor: z.string().max(1_024).optional().describe('Where the last page ended'),
  limit: z.coerce.number().int().min(1).max(1_000).default(100).describe('At most so many'),
})

export const noQuery = z.strictObject({})

export const partQuery = z.strictObject({
  pointer: pointer.optional().describe('A part of the document; left out: the only one that there is of this kind'),
})

export const jsonQuery = z.strictObject({
  pointer: pointer.default('').describe('A part of the document; left out: all of it'),
  form: z
    .enum(['plain', 'typed'])
    .default('plain')
    .describe('plain values, or with the types told apart as `syncline doc export --format json`'),
})

const storing = z
  .enum(['shared', 'plain'])
  .default('shared')
  .describe(
    'how new objects and arrays are stored below the top: as types whose parts are edited by themselves, or as values ' +
      'that are replaced as a whole',
  )

export const createQuery = z.strictObject({ storing })

export const appendQuery = z.strictObject({ pointer: pointer.describe('What is appended to'), storing })

export const patchQuery = z.strictObject({
  storing,
  window: z.coerce
    .number()
    .int()
    .min(0)
    .max(10_000)
    .default(0)
    .describe('ms in which merge patches of one subject are gathered, and become one edit'),
})

export const eventsQuery = z.strictObject({
  mode: z.enum(['position', 'patch']).default('position').describe('what an event tells of a change'),
  pointer: pointer.default('').describe('patch: a part of the document'),
  interval: z.coerce.number().int().min(50).max(60_000).default(250).describe('ms between two events, at least'),
})
