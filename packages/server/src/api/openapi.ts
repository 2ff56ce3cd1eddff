import type { ErrorCode } from '@syncline/protocol'
import { z } from 'zod'
import { allErrorCodes } from '../errors.js'
import { version } from '../version.js'
import { commonProblems, statusOf } from './problems.js'
import { type Answer, type Bodies, type Route, requestHeaders } from './route.js'
import { problemSchema } from './schemas.js'

type Fragment = Record<string, unknown>

const securitySchemes = {
  token: { type: 'http', scheme: 'bearer' },
  tokenInQuery: { type: 'apiKey', in: 'query', name: 'token', description: "For browsers' EventSource" },
}

/** The HTTP interface as OpenAPI 3.1: made of the routes that are served and the schemas that requests are checked with. */
export function openApiOf(routes: readonly Route[]): Fragment {
  const schemas: Record<string, Fragment> = {}
  const paths: Record<string, Fragment> = {}
  for (const route of routes) {
    paths[`/api/v1${route.path}`] ??= {}
    paths[`/api/v1${route.path}`]![route.method] = operationOf(route, schemas)
  }
  const tags = [...new Set(routes.map(({ tag }) => tag))].map((name) => ({ name }))
  return {
    openapi: '3.1.1',
    info: {
      title: 'Syncline',
      version,
      description:
        'Documents that several people edit at once, for every backend: read them, edit them and follow them over HTTP. ' +
        'An edit is answered when it is on disk.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    tags,
    security: [{}, { token: [] }, { tokenInQuery: [] }],
    paths,
    components: { schemas, securitySchemes },
  }
}

function operationOf(route: Route, schemas: Record<string, Fragment>): Fragment {
  const { id, tag, summary, description, body } = route
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description && { description }),
    parameters: [...pathParameters(route), ...queryParameters(route), ...headerParameters(route)],
    ...(body && { requestBody: { required: body.isRequired, content: contentOf(body.content, schemas, 'input') } }),
    responses: { ...answersOf(route.answers, schemas), ...problemsOf(route, schemas) },
  }
}

function pathParameters({ path }: Route): Fragment[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    ...(name === 'document' && { description: 'The name of the document, percent-encoded: a slash in it is %2F' }),
    schema: { type: 'string' },
  }))
}

function queryParameters({ query }: Route): Fragment[] {
  const { properties = {}, required = [] } = jsonSchemaOf(query, {}, 'input') as {
    properties?: Record<string, Fragment>
    required?: string[]
  }
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    ...(description !== undefined && { description }),
    schema: Object.keys(schema).some((key) => key === 'type' || key === 'enum')
      ? schema
      : { type: 'integer', ...schema },
  }))
}

function headerParameters({ headers = [] }: Route): Fragment[] {
  return headers.map((name) => ({
    name,
    in: 'header',
    required: false,
    description: requestHeaders[name],
    schema: { type: 'string' },
  }))
}

function answersOf(answers: Route['answers'], schemas: Record<string, Fragment>): Fragment {
  const entries = Object.entries(answers).map(([status, answer]) => [status, answerOf(answer, schemas)])
  return Object.fromEntries(entries)
}

function answerOf({ description, content, hasEtag }: Answer, schemas: Record<string, Fragment>): Fragment {
  const header = { description: 'The version that this is, strong', schema: { type: 'string' } }
  return {
    description,
    ...(hasEtag && { headers: { ETag: header } }),
    ...(content && { content: contentOf(content, schemas, 'output') }),
  }
}

function problemsOf({ problems }: Route, schemas: Record<string, Fragment>): Fragment {
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of new Set([...problems, ...commonProblems])) {
    byStatus.set(statusOf(code), [...(byStatus.get(statusOf(code)) ?? []), code])
  }
  const content = contentOf({ 'application/problem+json': problemSchema }, schemas, 'output')
  const entries = [...byStatus]
    .sort(([a], [b]) => a - b)
    .map(([status, codes]) => {
      const description = codes.map((code) => `\`${code}\`: ${allErrorCodes[code]}`).join('\n\n')
      return [String(status), { description, content }]
    })
  return Object.fromEntries(entries)
}

function contentOf(content: Bodies, schemas: Record<string, Fragment>, io: 'input' | 'output'): Fragment {
  const entries = Object.entries(content).map(([type, schema]) => {
    if (schema !== null) return [type, { schema: jsonSchemaOf(schema, schemas, io) }]
    return [type, type.startsWith('text/') ? { schema: { type: 'string' } } : {}]
  })
  return Object.fromEntries(entries)
}

/** A schema; those that have a name become components, and are referred to. */
function jsonSchemaOf(schema: z.ZodType, schemas: Record<string, Fragment>, io: 'input' | 'output'): Fragment {
  const {
    $schema: _,
    $defs = {},
    ...root
  } = z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Fragment & {
    $defs?: Record<string, Fragment>
  }
  const id = schema.meta()?.id
  // zod counts schemas that have no name: these names are of one component, so they get its name
  const prefix = id ?? 'Shared'
  const rename = (name: string) => (name.startsWith('__') ? `${prefix}${name.replaceAll('_', '')}` : name)
  const relinked = (fragment: unknown): unknown => {
    if (Array.isArray(fragment)) return fragment.map(relinked)
    if (typeof fragment !== 'object' || fragment === null) return fragment
    const entries = Object.entries(fragment).flatMap(([key, value]): [string, unknown][] => {
      // a property of this name has a schema; this is the name of the schema itself
      if (key === 'id' && typeof value === 'string') return []
      if (key === '$ref' && typeof value === 'string') {
        const name = value.replace(/^#\/\$defs\//, '')
        return [['$ref', value === '#' ? `#/components/schemas/${id}` : `#/components/schemas/${rename(name)}`]]
      }
      return [[key, relinked(value)]]
    })
    return Object.fromEntries(entries)
  }
  for (const [name, fragment] of Object.entries($defs)) schemas[rename(name)] = relinked(fragment) as Fragment
  if (id === undefined) return relinked(root) as Fragment
  schemas[id] = relinked(root) as Fragment
  return { $ref: `#/components/schemas/${id}` }
}
