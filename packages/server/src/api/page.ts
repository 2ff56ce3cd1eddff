import type { ErrorCode } from '@syncline/protocol'
import { escapeHtml } from '../documents/html.js'
import { allErrorCodes } from '../errors.js'
import { version } from '../version.js'
import { commonProblems, statusOf } from './problems.js'
import { type Bodies, type Route, requestHeaders } from './route.js'
import { shapeOf } from './shape.js'

const style = `
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent) }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 2rem 1rem }
h2 { margin-top: 2.5rem } code, .path { overflow-wrap: anywhere; font-family: ui-monospace, monospace; font-size: .92em }
details { border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; padding: .5rem .8rem }
summary { cursor: pointer } .method { display: inline-block; min-width: 4.8rem; font-weight: 600; text-transform: uppercase }
.what { color: color-mix(in srgb, currentColor 70%, transparent) }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; vertical-align: top; padding: .25rem .6rem .25rem 0; border-top: 1px solid var(--line) }
`

/** The HTTP interface as a page to read, made of the same routes as its OpenAPI description. */
export function pageOf(routes: readonly Route[]): string {
  const tags = [...new Set(routes.map(({ tag }) => tag))]
  const sections = tags.map((tag) => {
    const own = routes.filter((route) => route.tag === tag)
    return `<h2>${tag}</h2>${own.map(operationOf).join('')}`
  })
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Syncline ${version}: HTTP</title><style>${style}</style>
<h1>Syncline over HTTP</h1>
<p>Documents that several people edit at once, for every backend. An edit is answered when it is on disk. The same as
OpenAPI 3.1: <a href="/api/v1/openapi.json">openapi.json</a>.</p>
<p>Tokens go into <code>Authorization: Bearer …</code>, or where a browser takes no headers into <code>?token=</code>. A slash in a document's name is <code>%2F</code>. An error is
<code>application/problem+json</code> with a stable <code>code</code>. Each request may also be answered by one of
${commonProblems.map(code).join(', ')}.</p>
${sections.join('\n')}</html>`
}

function operationOf(route: Route): string {
  const { method, path, summary, description, body, answers, problems } = route
  const rows = [...queryRows(route), ...headerRows(route)]
  const answered = Object.entries(answers).map(([status, { description: what, content = {} }]) => {
    return `<tr><td>${status}<td>${textOf(what)}${bodiesOf(content)}`
  })
  return `<details><summary><span class="method">${method}</span> <span class="path">/api/v1${escapeHtml(path)}</span><br>
<span class="what">${textOf(summary)}</span></summary>
${description ? `<p>${textOf(description)}</p>` : ''}
${rows.length > 0 ? `<table>${rows.join('')}</table>` : ''}
${body ? `<p>Body${body.isRequired ? '' : ', or none'}:${bodiesOf(body.content)}</p>` : ''}
<table>${answered.join('')}${problems.map(problemRow).join('')}</table></details>`
}

/** Content types with what JSON of each looks like, a line for each. */
function bodiesOf(content: Bodies): string {
  const lines = Object.entries(content).map(([type, schema]) => {
    return `<br>${code(type)}${schema === null ? '' : ` ${code(shapeOf(schema))}`}`
  })
  return lines.join('')
}

function queryRows({ query }: Route): string[] {
  return Object.entries(query.shape).map(([name, schema]) => {
    return `<tr><td>${code(`?${name}=`)}<td>${textOf((schema as { description?: string }).description ?? '')}`
  })
}

function headerRows({ headers = [] }: Route): string[] {
  return headers.map((name) => `<tr><td>${code(name)}<td>${textOf(requestHeaders[name])}`)
}

function problemRow(problem: ErrorCode): string {
  return `<tr><td>${statusOf(problem)}<td>${code(problem)} ${textOf(allErrorCodes[problem])}`
}

/** Text with pieces of code between backticks. */
function textOf(text: string): string {
  return escapeHtml(text).replaceAll(/`([^`]+)`/g, '<code>$1</code>')
}

function code(text: string): string {
  return `<code>${escapeHtml(text)}</code>`
}
