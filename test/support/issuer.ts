import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, exportSPKI, generateKeyPair, type JWK, SignJWT } from 'jose'
import { onTestFinished } from 'vitest'

/** A secret as long as HS256 needs it. */
export const secret = 'a secret of tests, long enough for HS256'

type Algorithm = 'RS256' | 'ES256' | 'EdDSA'

/** Whoever issues tokens. */
export interface Issuer {
  /** the public key */
  readonly pem: string
  readonly jwk: JWK
  sign(claims: Record<string, unknown>): Promise<string>
}

/** Makes a key of its own; nothing of it outlives the test. */
export async function newIssuer(alg: Algorithm, kid = 'k1'): Promise<Issuer> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
  return {
    pem: await exportSPKI(publicKey),
    jwk: { ...(await exportJWK(publicKey)), kid, alg },
    sign: (claims) => new SignJWT(claims).setProtectedHeader({ alg, kid }).sign(privateKey),
  }
}

/** A token that is signed with a secret; `iat` and `exp` as they usually are, unless `claims` say otherwise. */
export function signed(claims: Record<string, unknown>, key = secret): Promise<string> {
  const now = Date.now() / 1_000
  return new SignJWT({ sub: 'ada', iat: now, exp: now + 3_600, documents: { '*': 'write' }, ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(key))
}

/** A server of the application; it ends with the test. */
export async function serveLocally(
  answer: (request: IncomingMessage, body: string, response: ServerResponse) => void,
): Promise<string> {
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => answer(request, body, response))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

/** An answer of a backend. */
export function reply(response: ServerResponse, status: number, body: unknown = {}): void {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))
}
