import { describe, expect, test } from 'vitest'
import { addressGroup, ProxyTrust, type TrustProxy } from './address.js'

const peer = '10.0.0.1'
const visitor = '203.0.113.9'
const forged = '198.51.100.1'

function seen(trusted: TrustProxy, said: { for?: string; forwarded?: string }, from = peer): string {
  const { for: list, forwarded } = said
  const headers = {
    ...(list === undefined ? {} : { 'x-forwarded-for': list }),
    ...(forwarded === undefined ? {} : { forwarded }),
  }
  return new ProxyTrust(trusted).addressOf({ socket: { remoteAddress: from }, headers })
}

describe('the address of a visitor', () => {
  test.each<[string, TrustProxy, { for?: string; forwarded?: string }, string]>([
    ['trusts nobody unless it is told to', [], { for: visitor, forwarded: `for=${visitor}` }, peer],
    ['is the same for no hop', 0, { for: visitor }, peer],
    ['is what the one proxy added', 1, { for: visitor }, visitor],
    ['is not what the visitor said before', 1, { for: `${forged}, ${visitor}` }, visitor],
    ['is what the first of two proxies added', 2, { for: `${forged}, ${visitor}, 10.0.0.2` }, visitor],
    ['is the farthest one where there are fewer hops', 3, { for: visitor }, visitor],
    ['is the proxy itself where it says nothing', 1, {}, peer],
    ['by network', ['10.0.0.0/8'], { for: `${forged}, ${visitor}, 10.7.7.7` }, visitor],
    ['by network, not from elsewhere', ['10.1.0.0/16'], { for: visitor }, peer],
    ['by address', [peer], { for: `${forged},${visitor}` }, visitor],
    ['with a port', 1, { for: `${visitor}:4711` }, visitor],
    ['of IPv6 with a port', 1, { for: '[2001:db8::1]:4711' }, '2001:db8::1'],
    ['of IPv4 in IPv6', 1, { for: `::ffff:${visitor}` }, visitor],
    ['is the proxy where that does not know', 1, { for: 'unknown' }, peer],
    ['is the proxy where the list is empty', 1, { for: '' }, peer],
    ['in Forwarded', 1, { forwarded: `for=${forged}, for=${visitor};proto=https;by=10.0.0.1` }, visitor],
    ['in Forwarded, of IPv6', 1, { forwarded: 'proto=https; For="[2001:db8::1]:4711"' }, '2001:db8::1'],
    ['in Forwarded, hidden', 1, { forwarded: `for=${visitor}, for=_hidden` }, peer],
    ['in Forwarded, without for', 1, { forwarded: `for=${visitor}, proto=https` }, peer],
    ['in Forwarded with separators in quotes', 1, { forwarded: `for=${visitor};host="a,b;for=${forged}"` }, visitor],
    ['in both, where they agree', 1, { for: visitor, forwarded: `for=${visitor}` }, visitor],
    ['in both, where one was said by the visitor', 1, { for: visitor, forwarded: `for=${forged}` }, peer],
    ['in both, the other way round', 1, { for: forged, forwarded: `for=${visitor}` }, peer],
    // whoever opens a quoted string would have what the proxy adds in it
    ['not in quotes that the visitor opened', 1, { forwarded: `for=${forged};x=", for="[2001:db8::1]"` }, peer],
    ['not behind an escape', 1, { forwarded: `for=${forged};x="\\", for="[2001:db8::1]"` }, peer],
  ])('%s', (_, trusted, headers, address) => {
    expect(seen(trusted, headers)).toBe(address)
  })

  test('is known of who comes over IPv4 to a socket of IPv6, and of nobody without a socket', () => {
    expect(seen([], {}, '::ffff:10.0.0.1')).toBe(peer)
    expect(seen(['10.0.0.0/8'], { for: visitor }, '::ffff:10.0.0.1')).toBe(visitor)
    expect(seen([], {}, '')).toBe('')
    expect(seen(1, { for: visitor }, '')).toBe(visitor)
    expect(seen(['10.0.0.0/8'], { for: visitor }, '')).toBe('')
  })

  test.each<[TrustProxy]>([
    [-1],
    [1.5],
    [33],
    [Number.NaN],
    [['nginx']],
    [['10.0.0.0/33']],
    [['10.0.0.0/8/8']],
    [['::/129']],
  ])('trust of %j makes no sense', (trusted) => {
    expect(() => new ProxyTrust(trusted)).toThrow(expect.objectContaining({ code: 'invalid_option' }))
  })
})

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:0db8::1', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['2001:db8:1:2::', '2001:db8:1:2::/64'],
])('%s counts as %s', (address, group) => {
  expect(addressGroup(address)).toBe(group)
})
