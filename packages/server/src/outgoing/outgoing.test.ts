import { SynclineError } from '@syncline/protocol'
import { describe, expect, test } from 'vitest'
import { isPrivateAddress } from './addresses.js'
import { signedHeaders, signingKeyOf } from './signature.js'

describe('addresses', () => {
  test.each([
    ...['127.0.0.1', '127.255.0.1', '0.0.0.0', '10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.1.1'],
    ...['169.254.169.254', '100.64.0.1', '224.0.0.1', '255.255.255.255', '192.0.2.1', '198.18.0.1'],
    ...['::1', '::', 'fd00::1', 'fe80::1', 'ff02::1', '::ffff:127.0.0.1', '::ffff:a00:1', '::127.0.0.1'],
    ...['64:ff9b::7f00:1', '2002:7f00:1::', '2001:db8::1', 'localhost', ''],
  ])('%j is private', (address) => {
    expect(isPrivateAddress(address)).toBe(true)
  })

  test.each([
    ...['8.8.8.8', '172.15.0.1', '172.32.0.1', '192.167.0.1', '100.128.0.1', '169.253.0.1', '223.255.255.255'],
    ...['2606:4700::1111', '::ffff:8.8.8.8', '2a00:1450::1'],
  ])('%j is of the internet', (address) => {
    expect(isPrivateAddress(address)).toBe(false)
  })
})

describe('signatures', () => {
  test('are those of the standard: its own example', () => {
    const key = signingKeyOf('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw')
    const headers = signedHeaders(key, 'msg_p5jXN8AQM9LWM0D4loKWxJek', 1_614_265_330_999, '{"test": 2432232314}')
    expect(headers).toMatchObject({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    })
  })

  test.each([
    ['nothing', ''],
    ['no prefix', 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
    ['23 bytes', `whsec_${Buffer.alloc(23, 1).toString('base64')}`],
    ['65 bytes', `whsec_${Buffer.alloc(65, 1).toString('base64')}`],
    ['no base64', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa!!'],
  ])('a secret is refused that has %s, and is not in the message', (_, secret) => {
    expect(() => signingKeyOf(secret)).toThrow(SynclineError)
    expect(() => signingKeyOf(secret)).toThrow(/^(?!.*MfKQ)/)
  })

  test.each([24, 64])('a secret may have %i bytes', (bytes) => {
    expect(signingKeyOf(`whsec_${Buffer.alloc(bytes, 1).toString('base64')}`)).toHaveLength(bytes)
  })
})
