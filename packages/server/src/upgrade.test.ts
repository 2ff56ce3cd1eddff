import { describe, expect, test } from 'vitest'
import { isOrigin, OriginPolicy, offers, routeOf } from './upgrade.js'

describe('the path of an upgrade', () => {
  test.each([
    ['/sync', { to: 'native' }],
    ['/sync?token=x', { to: 'native' }],
    ['/y/notes', { to: 'y-websocket', document: 'notes' }],
    ['/y/notes?token=x', { to: 'y-websocket', document: 'notes' }],
    ['/y/a/b/c', { to: 'y-websocket', document: 'a/b/c' }],
    ['/y/a%2Fb', { to: 'y-websocket', document: 'a/b' }],
    ['/y/with%20space', { to: 'y-websocket', document: 'with space' }],
    ['/y/%E6%97%A5%E6%9C%AC', { to: 'y-websocket', document: '日本' }],
    ['/y/a//b/', { to: 'y-websocket', document: 'a//b/' }],
    ['/y/__proto__', { to: 'y-websocket', document: '__proto__' }],
    ['/y/a+b', { to: 'y-websocket', document: 'a+b' }],
    ['/', null],
    ['', null],
    ['/Sync', null],
    ['/sync/notes', null],
    ['/yjs/notes', null],
  ])('%s leads to %j', (url, route) => {
    expect(routeOf(url, 512)).toEqual(route)
  })

  test.each(['/y/', '/y/?a', '/y/%', '/y/%E6%97', '/y/%00', '/y/a%0Ab', '/y/e%CC%81', '/y/abcdef'])(
    '%s has no name',
    (url) => {
      expect(() => routeOf(url, 5)).toThrow(expect.objectContaining({ code: 'invalid_name' }))
    },
  )
})

test('a subprotocol is offered among others', () => {
  expect(offers('a, syncline.1 ,b', 'syncline.1')).toBe(true)
  expect(offers('syncline.11', 'syncline.1')).toBe(false)
  expect(offers(undefined, 'syncline.1')).toBe(false)
})

describe('an origin', () => {
  test('is a scheme and a host, perhaps a port, and nothing else', () => {
    const yes = ['https://app.example.com', 'http://localhost:5173', 'http://[::1]:8080']
    const no = ['app.example.com', 'https://app.example.com/', 'https://a@b.c', 'file:///', 'null', '*', '']
    expect(yes.filter(isOrigin)).toEqual(yes)
    expect(no.filter(isOrigin)).toEqual([])
  })

  test('may connect where it is the same host, or allowed, or no browser has said it', () => {
    const policy = new OriginPolicy(['https://app.test'])
    expect(policy.allows(undefined, 'relay.test')).toBe(true)
    expect(policy.allows('https://relay.test', 'relay.test')).toBe(true)
    expect(policy.allows('https://relay.test', 'relay.test:443')).toBe(true)
    expect(policy.allows('https://relay.test:444', 'relay.test')).toBe(false)
    expect(policy.allows('https://app.test', 'relay.test')).toBe(true)
    expect(policy.allows('http://app.test', 'relay.test')).toBe(false)
    expect(policy.allows('https://evil.test', undefined)).toBe(false)
    expect(policy.allows('null', 'relay.test')).toBe(false)
  })
})
