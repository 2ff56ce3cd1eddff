export type {
  Authorize,
  Credentials,
  Grant,
  GrantRequest,
  Revocation,
  Visitor,
} from './authorize.js'
export { relayDocument } from './authorize.js'
export { authorizeByJwt, type JwtOptions } from './jwt.js'
export type { JwtKey } from './keys.js'
export { authorizeEveryone } from './none.js'
export { withPublicRead } from './publicRead.js'
export { revocationFile } from './revocationFile.js'
export type { DatedRevocation, RevocationStore } from './revocations.js'
export type { SubdocumentAccess } from './subdocuments.js'
export { authorizeByUrl, type UrlOptions } from './url.js'
