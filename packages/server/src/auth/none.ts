import type { Authorize } from './authorize.js'

/** Everyone writes, under no name: a relay without authorisation, for development. */
export const authorizeEveryone: Authorize = async () => ({ subject: '', access: 'write', expiresAt: null })
