import type { ClientSession, SessionWire } from '../connection/clientSession.js'

/** The session that a dialect translates for. */
export type DialectSession = Pick<
  ClientSession,
  'access' | 'expiresAt' | 'open' | 'receive' | 'reauthorize' | 'setCongested' | 'fail' | 'leave'
>

/** Makes one: {@link ClientSession} in a relay. */
export type NewSession = (wire: SessionWire) => DialectSession
