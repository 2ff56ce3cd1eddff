import { join } from 'node:path'
import { Validator } from '@seriousme/openapi-schema-validator'
import { errorCodes, relayErrorCodes } from '@syncline/protocol'
import { describe, expect, onTestFinished, test } from 'vitest'
import { launchBrowser, visit, withoutBrowser } from '../support/browser.js'
import { readText } from '../support/tree.js'
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

  test('has nothing that the README leaves out', async () => {
    const { url } = await startApi()
    const { paths } = await (await fetch(`${url}/api/v1/openapi.json`)).json()
    const readme = readText('packages/server/README.md')
    const page = readme.slice(
      readme.indexOf('## Documents over HTTP'),
      readme.indexOf('## Documents on the command line'),
    )
    const parts = Object.keys(paths).map((path) => path.split('/').findLast((part) => !part.startsWith('{'))!)
    expect(parts.filter((part) => !page.includes(`/${part}`))).toEqual([])
    const codes = new Set(Array.from(JSON.stringify(paths).matchAll(/`(\w+)`: /g), ([, code]) => code!))
    expect(codes.size).toBeGreaterThan(20)
    expect([...codes].filter((code) => !page.includes(`\`${code}\``))).toEqual([])
    const parameters = Object.values<Record<string, { parameters: { in: string; name: string }[] }>>(paths)
      .flatMap((path) => Object.values(path).flatMap((operation) => operation.parameters))
      .filter((parameter) => parameter.in !== 'path')
    expect(parameters.length).toBeGreaterThan(10)
    expect(parameters.map(({ name }) => name).filter((name) => !page.includes(name))).toEqual([])
  })

  test('is a page to read, which loads nothing and runs nothing', async () => {
    const { url } = await startApi()
    const answer = await fetch(`${url}/api/v1`)
    const page = await answer.text()
    expect(answer.headers.get('Content-Type')).toContain('text/html')
    expect(answer.headers.get('Content-Security-Policy')).toContain("default-src 'none'")
    expect(page).toContain('/api/v1/documents/{document}/events')
    expect(page).toContain('{&quot;state&quot;: object, &quot;ttl&quot;?: integer}')
    expect(page).toContain('<code>authorization_unavailable</code>')
    expect(page).not.toMatch(/<script|src=|https?:\/\//)
    const codes = [...page.matchAll(/<td>\d{3}<td><code>(\w+)<\/code>/g)].map(([, code]) => code!)
    for (const code of codes) expect(Object.keys({ ...errorCodes, ...relayErrorCodes })).toContain(code)
  })

  test.skipIf(withoutBrowser)('is a page that opens what one asks for, and fits a phone', async () => {
    const { url } = await startApi()
    const browser = await launchBrowser()
    onTestFinished(() => browser.close())
    const { page } = await visit(browser, 'reader', { viewport: { width: 1_100, height: 900 } })
    await page.goto(`${url}/api/v1`)
    const asked = page.locator('details', { hasText: '/api/v1/documents/{document}/signal' })
    await asked.locator('summary').click()
    await asked.getByText('malformed_json').first().waitFor()
    const folder = process.env.SYNCLINE_PICTURES
    const keep = async (name: string) => {
      if (folder) await page.screenshot({ path: join(folder, `openapi-${name}.png`), fullPage: true })
    }
    await keep('day')
    await page.emulateMedia({ colorScheme: 'dark' })
    await keep('dark')
    await page.setViewportSize({ width: 390, height: 800 })
    await keep('phone')
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390)
  })
})
