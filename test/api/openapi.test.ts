import { Validator } from '@seriousme/openapi-schema-validator'
import { errorCodes } from '@syncline/protocol'
import { describe, expect, test } from 'vitest'
import { startApi } from './support.js'

type Operation = { readonly operationId: string; readonly responses: Record<string, unknown> }

describe('the description of the HTTP interface', () => {
  test('is valid OpenAPI 3.1', async () => {
    const { url } = await startApi()
    const answer = await fetch(`${url}/api/v1/openapi.json`)
    expect(answer.headers.get('Content-Type')).toContain('application/json')
    const description = await answer.json()
    expect(description.openapi).toMatch(/^3\.1\./)
    expect(await new Validator().validate(structuredClone(description))).toEqual({ valid: true })
    const text = JSON.stringify(description)
    for (const [, reference] of text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)) {
      expect(Object.keys(description.components.schemas)).toContain(reference)
    }
    expect(text).not.toContain('$defs')
    const operations = Object.values(description.paths).flatMap((path) =>
      Object.values(path as Record<string, Operation>),
    )
    expect(operations.length).toBeGreaterThan(15)
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length)
  })

  test('is a page to read, which loads nothing and runs nothing', async () => {
    const { url } = await startApi()
    const answer = await fetch(`${url}/api/v1`)
    const page = await answer.text()
    expect(answer.headers.get('Content-Type')).toContain('text/html')
    expect(answer.headers.get('Content-Security-Policy')).toContain("default-src 'none'")
    expect(page).toContain('/api/v1/documents/{document}/events')
    expect(page).not.toMatch(/<script|src=|https?:\/\//)
    const codes = [...page.matchAll(/<td>\d{3}<td><code>(\w+)<\/code>/g)].map(([, code]) => code!)
    for (const code of codes) expect(Object.keys(errorCodes)).toContain(code)
  })
})
