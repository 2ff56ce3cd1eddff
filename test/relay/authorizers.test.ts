import type { ServerResponse } from 'node:http'
import { type Authorize, authorizeByJwt, authorizeByUrl, type GrantRequest, type JwtKey } from '@syncline/server'
import { SignJWT } from 'jose'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { newIssuer, reply, secret, serveLocally, signed } from '../support/issuer.js'
import { until } from '../support/until.js'

const now = () => Math.floor(Date.now() / 1_000)
const hour = 3_600
const claims = { sub: 'ada', documents: { notes: 'write' } }

function request(token: string | null, document = 'notes', headers: GrantRequest['visitor']['headers'] = {}) {
  return { document, token, visitor: { url: '/sync', headers, address: '127.0.0.1' } }
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'granted',
    (error) => error.code ?? String(error),
  )
}

const none = (payload: object) =>
  `${[{ alg: 'none' }, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.`

describe('signed tokens', () => {
  test.each(['RS256', 'ES256', 'EdDSA'] as const)('of %s are taken, by PEM, JWK and a set of JWKs', async (alg) => {
    const issuer = await newIssuer(alg)
    const token = await issuer.sign({ ...claims, exp: now() + hour, iat: now() })
    for (const publicKey of [issuer.pem, JSON.stringify(issuer.jwk), JSON.stringify({ keys: [issuer.jwk] })]) {
      const authorize = await authorizeByJwt({ key: { publicKey }, clockSkewMs: 0 })
      const { subject, access, expiresAt } = await authorize(request(token))
      expect([subject, access]).toEqual(['ada', 'write'])
      expect(expiresAt! - Date.now()).toBeGreaterThan(hour * 1_000 - 5_000)
    }
    const other = await newIssuer(alg)
    const authorize = await authorizeByJwt({ key: { publicKey: other.pem } })
    expect(await codeOf(authorize(request(token)))).toBe('unauthorized')
  })

  test('of HS256 are taken, and no other algorithm with a secret', async () => {
    const authorize = await authorizeByJwt({ key: { secret } })
    expect(await authorize(request(await signed({})))).toMatchObject({ subject: 'ada', access: 'write' })
    const hs512 = new SignJWT({ ...claims, exp: now() + hour }).setProtectedHeader({ alg: 'HS512' })
    const long = new TextEncoder().encode(secret.repeat(2))
    const byLong = await authorizeByJwt({ key: { secret: long } })
    expect(await codeOf(byLong(request(await hs512.sign(long))))).toBe('unauthorized')
  })

  test('that are not signed, or with the public key as a secret, are refused by every kind of key', async () => {
    const rsa = await newIssuer('RS256')
    const ec = await newIssuer('ES256')
    const jwksUrl = await serveLocally((_request, _body, response) => reply(response, 200, { keys: [rsa.jwk, ec.jwk] }))
    const keys: JwtKey[] = [{ secret }, { publicKey: rsa.pem }, { publicKey: ec.pem }, { jwksUrl }]
    const payload = { ...claims, exp: now() + hour, iat: now() }
    const forged = [none(payload), `${none(payload)}AAAA`]
    for (const key of [rsa.pem, rsa.pem.trim(), ec.pem, JSON.stringify(rsa.jwk), rsa.jwk.n!, '']) {
      forged.push(await signedWith(key, payload))
    }
    for (const key of keys) {
      const authorize = await authorizeByJwt({ key })
      for (const token of forged) expect(await codeOf(authorize(request(token)))).toBe('unauthorized')
    }
  })

  test('with a secret among the published keys do not count', async () => {
    const oct = { kty: 'oct', k: Buffer.from(secret).toString('base64url'), kid: 'k1', alg: 'HS256' }
    const authorize = await authorizeByJwt({ key: { publicKey: JSON.stringify({ keys: [oct] }) } })
    expect(await codeOf(authorize(request(await signedWith(secret, { ...claims, exp: now() + hour }))))).toBe(
      'unauthorized',
    )
  })

  // the relay's clock stands still: what is at the edge of the skew stays there
  const at = now()
  const skew = 5
  test.each<[string, Record<string, unknown>, string]>([
    ['is over', { exp: at - skew }, 'token_expired'],
    ['is over, within the skew of clocks', { exp: at - skew + 1 }, 'granted'],
    ['is not yet valid', { nbf: at + skew + 1 }, 'unauthorized'],
    ['is not yet valid, within the skew of clocks', { nbf: at + skew }, 'granted'],
    ['has no end', { exp: undefined }, 'unauthorized'],
    ['has no subject', { sub: undefined }, 'unauthorized'],
    ['has an empty subject', { sub: '' }, 'unauthorized'],
    ['has a subject of two lines', { sub: 'a\nb' }, 'unauthorized'],
    ['has a subject of 300 bytes', { sub: 'a'.repeat(300) }, 'unauthorized'],
    ['lasts for a year', { exp: at + 365 * 24 * hour }, 'unauthorized'],
    ['lasts for 60 days, of which 40 are over', { iat: at - 40 * 24 * hour, exp: at + 20 * 24 * hour }, 'unauthorized'],
    [
      'lasts for a year, and says that it is issued in one',
      { iat: at + 364 * 24 * hour, exp: at + 365 * 24 * hour },
      'unauthorized',
    ],
    ['is of another issuer', { iss: 'somebody' }, 'unauthorized'],
    ['is for another audience', { aud: 'somebody' }, 'unauthorized'],
    ['is for several audiences', { aud: ['somebody', 'relay'] }, 'granted'],
    ['says nothing of documents', { documents: undefined }, 'forbidden'],
    ['is of another document', { documents: { plan: 'write' } }, 'forbidden'],
    ['has an access that is none', { documents: { notes: 'admin' } }, 'forbidden'],
    ['has documents that are none', { documents: 'notes' }, 'forbidden'],
    ['is as it should be', {}, 'granted'],
  ])('one that %s', async (_, changes, code) => {
    const authorize = await authorizeByJwt({ key: { secret }, issuer: 'app', audience: 'relay', now: () => at * 1_000 })
    const token = await signed({
      iat: at,
      exp: at + hour,
      iss: 'app',
      aud: 'relay',
      documents: { notes: 'write' },
      ...changes,
    })
    expect(await codeOf(authorize(request(token)))).toBe(code)
  })

  test.each<[unknown, string, string | null]>([
    [{ 'notes/*': 'read' }, 'notes/a/b', 'read'],
    [{ 'notes/*': 'read' }, 'notes', null],
    [{ 'notes/*': 'read', 'notes/a': 'write' }, 'notes/a', 'write'],
    [{ '*/a': 'write' }, 'x/y/a', 'write'],
    [{ 'a*b*c': 'write' }, 'a-b-b-c', 'write'],
    [{ 'a*b*c': 'write' }, 'a-c-b', null],
    [{ 'ab*ba': 'write' }, 'aba', null],
    [{ '*': 'read' }, '__proto__', 'read'],
    [{ 'a.c': 'read' }, 'abc', null],
    [[{ name: 'notes/*', access: 'write' }], 'notes/1', 'write'],
    [[{ name: 'notes/*' }], 'notes/1', null],
    [[], 'notes', null],
  ])('%j allows %s: %s', async (documents, document, access) => {
    const authorize = await authorizeByJwt({ key: { secret } })
    const asked = authorize(request(await signed({ documents }), document))
    if (access === null) expect(await codeOf(asked)).toBe('forbidden')
    else expect((await asked).access).toBe(access)
  })

  test('that are none are refused, and not quoted', async () => {
    const authorize = await authorizeByJwt({ key: { secret } })
    for (const token of [null, '', 'canary', 'a.b.c', 'x'.repeat(100_000), '\u0000', 'eyJhbGciOiJIUzI1NiJ9..']) {
      const error = await authorize(request(token)).catch((thrown) => thrown)
      expect(error.code).toBe('unauthorized')
      expect(error.message).not.toContain('canary')
    }
  })

  test.each([
    [{ secret: 'too short' }],
    [{ publicKey: 'no key' }],
    [{ publicKey: '{"kty":"EC"}' }],
    [{ publicKey: '{' }],
    [{ publicKey: '{"keys":[1]}' }],
    [{ jwksUrl: 'ftp://example.com' }],
    [{ jwksUrl: 'no url' }],
  ])('%j is no key', async (key) => {
    await expect(authorizeByJwt({ key })).rejects.toMatchObject({ code: 'invalid_option' })
  })

  test('the skew of clocks is bounded', async () => {
    await expect(authorizeByJwt({ key: { secret }, clockSkewMs: 60_001 })).rejects.toMatchObject({
      code: 'invalid_option',
    })
  })
})

function signedWith(key: string, payload: Record<string, unknown>): Promise<string> {
  const bytes = new TextEncoder().encode(key.length === 0 ? ' ' : key)
  return new SignJWT(payload as never).setProtectedHeader({ alg: 'HS256', kid: 'k1' }).sign(bytes)
}

describe('published keys', () => {
  test('are read once, again when a key is missing, and not again before it has cooled down', async () => {
    const [first, second, third] = await Promise.all(['k1', 'k2', 'k3'].map((kid) => newIssuer('ES256', kid)))
    let [published, reads, isDown] = [[first!.jwk], 0, false]
    const jwksUrl = await serveLocally((_request, _body, response) => {
      reads++
      reply(response, isDown ? 500 : 200, { keys: published })
    })
    // the time is what the test says: twenty requests may take longer than a wait that a test can wait for
    vi.useFakeTimers({ toFake: ['Date'] })
    onTestFinished(() => void vi.useRealTimers())
    const cooldownMs = 10_000
    const coolDown = () => vi.setSystemTime(Date.now() + cooldownMs + 1)
    const authorize = await authorizeByJwt({ key: { jwksUrl, cooldownMs } })
    const token = (issuer: typeof first) => issuer!.sign({ ...claims, exp: now() + hour, iat: now() })
    const ask = async (issuer: typeof first) => codeOf(authorize(request(await token(issuer))))
    const [one, two] = [await token(first), await token(second)]
    expect(await Promise.all([1, 2, 3].map(() => codeOf(authorize(request(one)))))).toEqual(Array(3).fill('granted'))
    expect(reads).toBe(1)
    expect(await codeOf(authorize(request(two)))).toBe('unauthorized')
    coolDown()
    published = [first!.jwk, second!.jwk]
    expect(await ask(second)).toBe('granted')
    const readsBefore = reads
    for (let i = 0; i < 20; i++) expect(await ask(third)).toBe('unauthorized')
    expect(reads).toBe(readsBefore)
    published = [second!.jwk]
    coolDown()
    expect(await ask(third)).toBe('unauthorized') // which reads them again: the first one is withdrawn
    expect(await ask(first)).toBe('unauthorized')
    isDown = true
    expect(await ask(second)).toBe('granted')
  })

  test.each<[string, Parameters<typeof serveLocally>[0]]>([
    ['cannot be read', (_request, _body, response) => reply(response, 500)],
    ['are none', (_request, _body, response) => void response.end('<html>')],
    [
      'are too many',
      (_request, _body, response) => void response.end(JSON.stringify({ keys: [], x: 'x'.repeat(300_000) })),
    ],
    ['are somewhere else', (_request, _body, response) => void response.writeHead(302, { Location: '/x' }).end()],
    ['do not come', () => {}],
  ])('that %s let nobody in for now', async (_, answer) => {
    const authorize = await authorizeByJwt({ key: { jwksUrl: await serveLocally(answer), timeoutMs: 200 } })
    const issuer = await newIssuer('ES256')
    const token = await issuer.sign({ ...claims, exp: now() + hour })
    expect(await codeOf(authorize(request(token)))).toBe('authorization_unavailable')
  })
})

describe("the application's backend", () => {
  type Answer = Parameters<typeof serveLocally>[0]
  const grant = { subject: 'ada', access: 'write' }
  const asks = async (answer: Answer, options: Partial<Parameters<typeof authorizeByUrl>[0]> = {}) => {
    const questions: string[] = []
    const url = await serveLocally((incoming, body, response) => {
      questions.push(body)
      answer(incoming, body, response)
    })
    return { questions, authorize: authorizeByUrl({ url, timeoutMs: 300, ...options }) as Authorize }
  }
  const granting: Answer = (_request, _body, response) => reply(response, 200, { ...grant, expiresIn: 10 })

  test('is told who asks for what, and its answer counts for as long as it says', async () => {
    const { questions, authorize } = await asks(granting)
    const headers = { cookie: 'session=1', origin: 'https://app.test', authorization: 'Bearer x' }
    const given = await authorize(request('t', 'notes', headers))
    expect(given).toMatchObject(grant)
    expect(Math.round((given.expiresAt! - Date.now()) / 1_000)).toBe(10)
    await authorize(request(null))
    expect(questions.map((question) => JSON.parse(question))).toEqual([
      { document: 'notes', token: 't', cookie: 'session=1', address: '127.0.0.1', origin: 'https://app.test' },
      { document: 'notes', address: '127.0.0.1', origin: null },
    ])
  })

  test.each<[string, Answer, string]>([
    ['401', (_request, _body, response) => reply(response, 401), 'unauthorized'],
    ['403', (_request, _body, response) => reply(response, 403), 'forbidden'],
    ['500', (_request, _body, response) => reply(response, 500), 'authorization_unavailable'],
    [
      'a redirect',
      (_request, _body, response) => void response.writeHead(302, { Location: '/' }).end(),
      'authorization_unavailable',
    ],
    ['204', (_request, _body, response) => reply(response, 204), 'authorization_unavailable'],
    ['no JSON', (_request, _body, response) => void response.end('yes'), 'authorization_unavailable'],
    [
      'no subject',
      (_request, _body, response) => reply(response, 200, { access: 'write' }),
      'authorization_unavailable',
    ],
    [
      'an access that is none',
      (_request, _body, response) => reply(response, 200, { ...grant, access: 'all' }),
      'authorization_unavailable',
    ],
    [
      'a time that is none',
      (_request, _body, response) => reply(response, 200, { ...grant, expiresIn: -1 }),
      'authorization_unavailable',
    ],
    [
      '100 KB',
      (_request, _body, response) => reply(response, 200, { ...grant, x: 'x'.repeat(100_000) }),
      'authorization_unavailable',
    ],
    ['nothing in time', () => {}, 'authorization_unavailable'],
    ['a closed socket', (incoming) => void incoming.socket.destroy(), 'authorization_unavailable'],
  ])('that answers with %s', async (_, answer, code) => {
    const { authorize } = await asks(answer)
    expect(await codeOf(authorize(request('canary')))).toBe(code)
    const error = await authorize(request('canary')).catch((thrown) => thrown)
    expect(`${error.message}${error.stack}${error.cause}`).not.toContain('canary')
  })

  test('that is not there', async () => {
    expect(await codeOf(authorizeByUrl({ url: 'http://127.0.0.1:9/' })(request('t')))).toBe('authorization_unavailable')
  })

  test('is asked once for equal questions, and again when the answer gets old', async () => {
    let time = Date.now()
    const { questions, authorize } = await asks(granting, { now: () => time })
    await Promise.all([1, 2, 3, 4].map(() => authorize(request('t'))))
    await authorize(request('t'))
    expect(questions).toHaveLength(1)
    await Promise.all([
      authorize(request('t', 'other')),
      authorize(request('u')),
      authorize(request('t', 'notes', { cookie: 'c' })),
    ])
    expect(questions).toHaveLength(4)
    time += 7_900
    await authorize(request('t'))
    expect(questions).toHaveLength(4)
    time += 200
    await authorize(request('t'))
    expect(questions).toHaveLength(5)
  })

  test('is asked again after a refusal', async () => {
    let isIn = false
    const { authorize } = await asks((_request, _body, response) => reply(response, isIn ? 200 : 403, grant))
    expect(await codeOf(authorize(request('t')))).toBe('forbidden')
    isIn = true
    expect(await codeOf(authorize(request('t')))).toBe('granted')
  })

  test('answers are kept up to a bound, those that were used last', async () => {
    const { questions, authorize } = await asks(granting, { entriesMax: 3 })
    for (const token of ['1', '2', '3', '1', '4', '1', '3', '4']) await authorize(request(token))
    expect(questions.map((question) => JSON.parse(question).token)).toEqual(['1', '2', '3', '4'])
    await authorize(request('2'))
    expect(questions).toHaveLength(5)
  })

  test('has so many questions to answer at once, and no more', async () => {
    const held: ServerResponse[] = []
    const hold: Answer = (_request, _body, response) => void held.push(response)
    const { questions, authorize } = await asks(hold, { pendingMax: 5, timeoutMs: 20_000 })
    const asked = Array.from({ length: 20 }, (_, index) => authorize(request(`${index}`)))
    const refused = await Promise.all(asked.slice(5).map(codeOf))
    expect(new Set(refused)).toEqual(new Set(['authorization_unavailable']))
    await until('the questions to arrive', () => held.length === 5)
    for (const response of held) reply(response, 200, grant)
    expect(await Promise.all(asked.slice(0, 5))).toHaveLength(5)
    expect(questions).toHaveLength(5)
  })

  test('what it said of a subject or a document is forgotten with their access', async () => {
    const { questions, authorize } = await asks((_request, body, response) =>
      reply(response, 200, { ...grant, subject: JSON.parse(body).token }),
    )
    const all = async () => {
      for (const token of ['ada', 'ben']) for (const document of ['a', 'b']) await authorize(request(token, document))
      return questions
        .splice(0)
        .map((question) => [JSON.parse(question).token, JSON.parse(question).document].join(':'))
    }
    expect(await all()).toHaveLength(4)
    authorize.revoked?.({ subject: 'ada' })
    expect(await all()).toEqual(['ada:a', 'ada:b'])
    authorize.revoked?.({ document: 'b' })
    expect(await all()).toEqual(['ada:b', 'ben:b'])
    authorize.revoked?.({ subject: 'ben', document: 'a' })
    expect(await all()).toEqual(['ben:a'])
  })
})
