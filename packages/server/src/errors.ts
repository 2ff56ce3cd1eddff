import { adviseOn, errorCodes, relayErrorCodes } from '@syncline/protocol'

// whatever runs a relay or its command line says what to do about all that can go wrong there
adviseOn(relayErrorCodes)

/** Every code that a relay gives to anybody, with what to do about it. */
export const allErrorCodes = { ...errorCodes, ...relayErrorCodes }
