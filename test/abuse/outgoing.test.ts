import { loadByUrl } from '@syncline/server'
import { describe, expect, test } from 'vitest'
import { local, pass, startEndpoint, startRelay, webhookSecret } from '../backends/support.js'
import { serveLocally } from '../support/issuer.js'

describe('requests to an address that is private', () => {
  test.each([
    ['127.1', '127.1'],
    ['a number', '2130706433'],
    ['octal', '0177.0.0.1'],
    ['hexadecimal', '0x7f.0.0.1'],
    ['IPv6', '[::1]'],
    ['IPv4 in the clothes of IPv6', '[::ffff:127.0.0.1]'],
    ['through NAT64', '[64:ff9b::7f00:1]'],
    ['any address', '0.0.0.0'],
    ['a name with a dot', 'localhost.'],
    ['metadata of a cloud', '169.254.169.254'],
  ])('are made nowhere, written as %s: %s', async (_, host) => {
    const endpoint = await startEndpoint()
    const url = endpoint.url.replace('127.0.0.1', host)
    const { relay, clock, lines } = startRelay({ webhooks: [{ url, secret: webhookSecret }] })
    await relay.document('notes').transact((doc) => doc.getText('body').insert(0, 'a'))
    await pass(clock, 2_000, 'it to be refused', () => relay.stats().webhooksFailed > 0)
    expect(lines.join('\n')).toMatch(/the address is private|ENOTFOUND|EAI_AGAIN/)
    expect(endpoint.told).toEqual([])
  })
})

describe('an answer that leads elsewhere', () => {
  test('is not followed by webhooks', async () => {
    const [elsewhere, endpoint] = [await startEndpoint(), await startEndpoint()]
    endpoint.answer = (response) => void response.writeHead(307, { Location: elsewhere.url }).end()
    const { relay, clock } = startRelay({ webhooks: [local(endpoint)] })
    await relay.document('notes').transact((doc) => doc.getText('body').insert(0, 'a'))
    await pass(clock, 2_000, 'it to count as a failure', () => relay.stats().webhooksFailed > 0)
    expect(elsewhere.told).toEqual([])
  })

  test('is not followed where a document is loaded, and nothing of it is told', async () => {
    const elsewhere = await startEndpoint()
    const backend = await serveLocally(
      (_request, _body, response) =>
        void response.writeHead(307, { Location: `${elsewhere.url}?canary` }).end('canary'),
    )
    const load = loadByUrl({ url: `${backend}?key=canary`, secret: webhookSecret })
    const { relay, lines } = startRelay({ load })
    const thrown = await relay
      .document('notes')
      .read()
      .catch((error: unknown) => error)
    expect(thrown).toMatchObject({ code: 'not_loaded' })
    expect(`${thrown}${lines}`).not.toContain('canary')
    expect(elsewhere.told).toEqual([])
  })
})
