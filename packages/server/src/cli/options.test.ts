import { describe, expect, test } from 'vitest'
import { isLoopback, parseServeOptions } from './options.js'

const given = { host: '127.0.0.1', port: '4321', data: './data', logLevel: 'info' }

describe('the options of serve', () => {
  test('are resolved once', () => {
    expect(parseServeOptions(given)).toEqual({
      host: '127.0.0.1',
      port: 4321,
      metricsPort: null,
      data: './data',
      logLevel: 'info',
      logFormat: 'auto',
      logHashNames: false,
      traces: false,
      static: null,
      allowOrigins: [],
      keepHistory: [],
      deleteAfter: [],
      quietHours: null,
      cacheControl: null,
      diskReserve: null,
      auth: { kind: 'none' },
      subdocumentAccess: 'parent',
      publicRead: [],
      backend: { webhooks: [], webhookRetry: {} },
      limits: {},
      trustProxy: [],
      tls: null,
    })
  })

  test.each([
    [{ port: '65536' }, '--port'],
    [{ port: '1e3' }, '--port'],
    [{ port: '' }, '--port'],
    [{ host: '' }, '--host'],
    [{ host: '192.168.1.7' }, '--auth none'],
    [{ host: 'example.com' }, '--auth none'],
    [{ data: '' }, '--data'],
    [{ logLevel: 'verbose' }, '--log-level'],
    [{ logFormat: 'xml' }, '--log-format'],
    [{ logHashNames: 'maybe' }, '--log-hash-names'],
    [{ static: '' }, '--static'],
    [{ allowOrigin: ['https://app.test/path'] }, '--allow-origin'],
    [{ keepHistory: ['notes/*', ''] }, '--keep-history'],
    [{ deleteAfter: ['90', 'soon'] }, '--delete-after'],
    [{ quietHours: '2-5' }, '--quiet-hours'],
    [{ cacheControl: 'no\ncache' }, '--cache-control'],
    [{ diskReserve: '1 GB' }, '--disk-reserve'],
    [{ subdocumentAccess: 'all' }, '--subdocument-access'],
    [{ publicRead: ['prices/*'] }, '--public-read'],
    [{ auth: 'all' }, '--auth'],
    [{ auth: 'jwt' }, '--jwt-secret-file'],
    [{ auth: 'url' }, '--authorize-url'],
    [{ authorizeUrl: 'app.example.com' }, '--authorize-url'],
    [{ jwksUrl: 'file:///keys' }, '--jwks-url'],
    [{ jwtKeyFile: 'a', jwksUrl: 'https://b.test' }, '--auth'],
    [{ auth: 'none', jwtSecret: 'x' }, '--auth'],
    [{ tlsKey: 'a' }, '--tls-cert'],
    [{ limit: ['sessionsMax=2'] }, '--limit: there is no limit of the name "sessionsMax"'],
    [{ limit: ['toString=2'] }, '--limit: there is no limit of the name "toString"'],
    [{ limit: ['nameBytesMax'] }, '--limit: nameBytesMax expects a number'],
    [{ limit: ['frameBytesMax=2MiB', 'nameBytesMax=0'] }, '--limit: nameBytesMax expects'],
    [{ limit: ['nameBytesMax=1.5'] }, '--limit: nameBytesMax expects'],
    [{ limit: ['nameBytesMax=-1'] }, '--limit: nameBytesMax expects'],
    [{ limit: ['nameBytesMax=99999999GiB'] }, '--limit: nameBytesMax expects'],
    [{ limit: ['nameBytesMax=1=2'] }, '--limit: nameBytesMax expects'],
    [{ trustProxy: ['33'] }, '--trust-proxy'],
    [{ trustProxy: ['nginx'] }, '--trust-proxy'],
    [{ trustProxy: ['10.0.0.0/33'] }, '--trust-proxy'],
    [{ trustProxy: ['1', '10.0.0.0/8'] }, '--trust-proxy'],
    [{ trustProxy: [''] }, '--trust-proxy'],
  ])('%j is refused, and the flag is named', (wrong, flag) => {
    expect(() => parseServeOptions({ ...given, ...wrong })).toThrow(
      expect.objectContaining({ code: 'invalid_option', message: expect.stringContaining(flag) }),
    )
  })

  test.each([
    ['500000000', 500_000_000],
    ['512MiB', 512 * 2 ** 20],
    ['2GiB', 2 ** 31],
    ['0', 0],
  ])('a reserve of %s is %d bytes', (diskReserve, bytes) => {
    expect(parseServeOptions({ ...given, diskReserve }).diskReserve).toBe(bytes)
  })

  test('limits have units, and the last one counts', () => {
    const limit = ['updateBytesMax=1MiB', 'documentSessionsMax=200', 'updateBytesMax=2KiB']
    expect(parseServeOptions({ ...given, limit }).limits).toEqual({ updateBytesMax: 2_048, documentSessionsMax: 200 })
  })

  test.each([
    [['2'], 2],
    [['0'], 0],
    [
      ['10.0.0.0/8', '::1', 'fd00::/8'],
      ['10.0.0.0/8', '::1', 'fd00::/8'],
    ],
  ])('proxies %j are %j', (trustProxy, trusted) => {
    expect(parseServeOptions({ ...given, trustProxy }).trustProxy).toEqual(trusted)
  })

  test.each([
    [{ jwtSecret: 's' }, { kind: 'jwt', key: { from: 'secret', secret: 's' }, issuer: null, audience: null }],
    [
      { auth: 'jwt', jwksUrl: 'https://a.test/keys', jwtIssuer: 'i', jwtAudience: 'a' },
      { kind: 'jwt', key: { from: 'jwksUrl', at: 'https://a.test/keys' }, issuer: 'i', audience: 'a' },
    ],
    [{ authorizeUrl: 'http://app.test/' }, { kind: 'url', url: 'http://app.test/' }],
    [{ auth: 'none' }, { kind: 'none' }],
  ])('%j decides who may do what, on any address', (chosen, auth) => {
    expect(parseServeOptions({ ...given, host: '0.0.0.0', ...chosen }).auth).toEqual(auth)
  })

  test('an address that others reach has to be asked for', () => {
    expect(parseServeOptions({ ...given, host: '0.0.0.0', auth: 'none' }).host).toBe('0.0.0.0')
    expect(['127.0.0.1', '127.8.9.1', '::1', 'localhost'].filter(isLoopback)).toHaveLength(4)
    expect(['0.0.0.0', '::', '127.evil.test', '128.0.0.1', '::ffff:1.2.3.4'].filter(isLoopback)).toEqual([])
  })
})
