import { readFile } from 'node:fs/promises'
import { SynclineError } from '@syncline/protocol'
import type { Option } from 'commander'
import { z } from 'zod'
import type { Authorize, JwtKey } from '../auth/index.js'
import { authorizeEveryone } from '../auth/none.js'
import { authorizeByUrl } from '../auth/url.js'
import { collectList, setting } from './setting.js'

/** How `syncline serve` decides who may do what. */
export type AuthOptions =
  | { readonly kind: 'none' }
  | { readonly kind: 'url'; readonly url: string }
  | {
      readonly kind: 'jwt'
      readonly key:
        | { readonly from: 'secret'; readonly secret: string }
        | { readonly from: 'secretFile' | 'keyFile' | 'jwksUrl'; readonly at: string }
      readonly issuer: string | null
      readonly audience: string | null
    }

/** Where the secret may stand: a flag would show it to everybody on the machine. */
export const secretVariable = 'SYNCLINE_JWT_SECRET'

const httpUrl = z.url({ protocol: /^https?$/, error: 'expected an http(s):// URL' })

/** The part of what commander collected that is about authorisation. */
export const authShape = {
  auth: z.enum(['jwt', 'url', 'none'], 'expected jwt, url or none').optional(),
  jwtSecret: z.string().optional(),
  jwtSecretFile: z.string().optional(),
  jwtKeyFile: z.string().optional(),
  jwksUrl: httpUrl.optional(),
  jwtIssuer: z.string().optional(),
  jwtAudience: z.string().optional(),
  authorizeUrl: httpUrl.optional(),
  publicRead: z.array(z.string().min(1, 'expected a pattern of names such as prices/*')).default([]),
}

type Given = z.infer<z.ZodObject<typeof authShape>>

/** The flags of `syncline serve`. */
export function authSettings(): Option[] {
  return [
    setting('auth', '<kind>', 'who may do what: jwt, url, or none to let everyone read and write'),
    secretSetting(),
    setting('jwt-key-file', '<file>', 'a public key that tokens are verified with, as PEM or JWK'),
    setting('jwks-url', '<url>', 'where the keys that tokens are verified with are published'),
    setting('jwt-issuer', '<iss>', 'take tokens of this issuer only'),
    setting('jwt-audience', '<aud>', 'take tokens for this audience only'),
    setting('public-read', '<pattern>', 'let everybody read the documents with such names').argParser(collectList),
    setting('authorize-url', '<url>', "ask the application's own backend who may do what"),
  ]
}

/** The flag for the secret of tokens; there is none for the secret itself. */
export function secretSetting(): Option {
  return setting('jwt-secret-file', '<file>', `the secret that tokens are signed with; or in ${secretVariable}`)
}

/** The secret in the environment. */
export function secretInEnvironment(): { readonly jwtSecret?: string } {
  const jwtSecret = process.env[secretVariable]
  return jwtSecret ? { jwtSecret } : {}
}

/**
 * What is wrong with what was given, or null.
 *
 * @param isLocal nobody but this machine can reach the relay
 */
export function authFault(given: Given, isLocal: boolean): { readonly path: string; readonly message: string } | null {
  const sources = sourcesOf(given)
  const kind = kindOf(given)
  if (kind === null && !isLocal) {
    return {
      path: 'host',
      message:
        'this relay asks nobody who they are, so it listens on this machine alone (127.0.0.1, ::1, localhost); ' +
        'say who may do what with --auth jwt or --auth url, ' +
        'or --auth none to let everyone who can reach it read and write every document',
    }
  }
  if (given.publicRead.length > 0 && (kind ?? 'none') === 'none') {
    return { path: 'publicRead', message: 'without --auth jwt or url everybody reads and writes everything' }
  }
  if (kind === 'url' && given.authorizeUrl === undefined) return { path: 'auth', message: 'url needs --authorize-url' }
  if (kind === 'jwt' && sources.length !== 1) {
    return {
      path: 'auth',
      message: `jwt needs one of --jwt-secret-file, ${secretVariable}, --jwt-key-file and --jwks-url`,
    }
  }
  if ((kind !== 'jwt' && sources.length > 0) || (kind !== 'url' && given.authorizeUrl !== undefined)) {
    return { path: 'auth', message: `${kind ?? 'none'} takes no key of tokens and no --authorize-url beside it` }
  }
  return null
}

/** What was given, once nothing is wrong with it. */
export function authOf(given: Given): AuthOptions {
  switch (kindOf(given)) {
    case 'jwt':
      return {
        kind: 'jwt',
        key: sourcesOf(given)[0]!,
        issuer: given.jwtIssuer ?? null,
        audience: given.jwtAudience ?? null,
      }
    case 'url':
      return { kind: 'url', url: given.authorizeUrl! }
    default:
      return { kind: 'none' }
  }
}

/** @throws SynclineError `invalid_option` where a key cannot be read, or is none */
export async function authorizerOf(options: AuthOptions): Promise<Authorize> {
  if (options.kind === 'none') return authorizeEveryone
  if (options.kind === 'url') return authorizeByUrl({ url: options.url })
  const { key, issuer, audience } = options
  // what checks signatures takes some 35 ms to load
  const { authorizeByJwt } = await import('../auth/jwt.js')
  return authorizeByJwt({
    key: await jwtKeyOf(key),
    ...(issuer === null ? {} : { issuer }),
    ...(audience === null ? {} : { audience }),
  })
}

/** @throws SynclineError `invalid_option` */
export async function readSecret(file: string | undefined, secret: string | undefined): Promise<string> {
  if (file !== undefined) return readText('jwt-secret-file', file)
  if (secret !== undefined) return secret
  throw new SynclineError(
    'invalid_option',
    `--jwt-secret-file: say where the secret is, or put it into ${secretVariable}`,
  )
}

type KeySource = Extract<AuthOptions, { kind: 'jwt' }>['key']

async function jwtKeyOf(source: KeySource): Promise<JwtKey> {
  switch (source.from) {
    case 'secret':
      return { secret: source.secret }
    case 'secretFile':
      return { secret: await readText('jwt-secret-file', source.at) }
    case 'keyFile':
      return { publicKey: await readText('jwt-key-file', source.at) }
    case 'jwksUrl':
      return { jwksUrl: source.at }
  }
}

function kindOf({ auth, authorizeUrl, ...rest }: Given): 'jwt' | 'url' | 'none' | null {
  if (auth !== undefined) return auth
  if (authorizeUrl !== undefined) return 'url'
  return sourcesOf(rest).length > 0 ? 'jwt' : null
}

function sourcesOf({ jwtSecret, jwtSecretFile, jwtKeyFile, jwksUrl }: Given): KeySource[] {
  return [
    ...(jwtSecret === undefined ? [] : [{ from: 'secret', secret: jwtSecret } as const]),
    ...(jwtSecretFile === undefined ? [] : [{ from: 'secretFile', at: jwtSecretFile } as const]),
    ...(jwtKeyFile === undefined ? [] : [{ from: 'keyFile', at: jwtKeyFile } as const]),
    ...(jwksUrl === undefined ? [] : [{ from: 'jwksUrl', at: jwksUrl } as const]),
  ]
}

/** Files of secrets end with a line feed that is none of them. */
async function readText(flag: string, file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trimEnd()
  } catch (error) {
    throw new SynclineError(
      'invalid_option',
      `--${flag}: ${file} cannot be read: ${(error as NodeJS.ErrnoException).code}`,
    )
  }
}
