import type { IncomingHttpHeaders } from 'node:http'
import { BlockList, isIP } from 'node:net'
import { SynclineError } from '@syncline/protocol'

const hopsMax = 32

/** The proxies in front of a relay: how many there are, or their addresses, such as `10.0.0.0/8`. */
export type TrustProxy = number | readonly string[]

/** What is known of a request. */
export interface Connected {
  readonly socket: { readonly remoteAddress?: string | undefined }
  readonly headers: IncomingHttpHeaders
}

/** Tells where visitors come from, behind proxies that are trusted to say it. */
export class ProxyTrust {
  readonly #hops: number
  readonly #addresses: BlockList | null

  /** @throws SynclineError `invalid_option` */
  constructor(trusted: TrustProxy) {
    const isCount = typeof trusted === 'number'
    if (isCount && !(Number.isInteger(trusted) && trusted >= 0 && trusted <= hopsMax)) {
      throw new SynclineError('invalid_option', `${trusted} is no number of proxies from 0 to ${hopsMax}`)
    }
    this.#hops = isCount ? trusted : 0
    this.#addresses = isCount || trusted.length === 0 ? null : blockListOf(trusted)
  }

  /** True where no proxy is trusted. */
  get isEmpty(): boolean {
    return this.#hops === 0 && this.#addresses === null
  }

  /**
   * The address of a visitor. What the last trusted proxy has added counts, no more: whatever is further to the left was
   * said by somebody who is not trusted. Of two headers that do not agree, one was said by the visitor: then the proxy's own
   * address counts.
   */
  addressOf({ socket, headers }: Connected): string {
    const nearest = plainAddress(socket.remoteAddress ?? '') ?? ''
    if (this.isEmpty) return nearest
    const lists = [forwardedFor(headers['x-forwarded-for']), forwarded(headers.forwarded)].filter(
      (list) => list !== null,
    )
    const [first = nearest, ...others] = lists.map((list) => this.#follow(nearest, list))
    return others.every((other) => other === first) ? first : nearest
  }

  #follow(nearest: string, list: readonly string[]): string {
    let address = nearest
    for (let hop = 0; hop < list.length && this.#trusts(address, hop); hop++) {
      const before = plainAddress(list[list.length - 1 - hop]!)
      if (before === null) return address
      address = before
    }
    return address
  }

  #trusts(address: string, hop: number): boolean {
    if (this.#addresses === null) return hop < this.#hops
    return hop < hopsMax && contains(this.#addresses, address)
  }
}

/** What counts as one visitor: of IPv6 whoever has a line has a /64. */
export function addressGroup(address: string): string {
  if (isIP(address) !== 6) return address
  const [head = '', tail] = address.split('%')[0]!.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length)
  const parts = [...before, ...new Array<string>(zeros).fill('0'), ...after].slice(0, 4)
  return `${parts.map((part) => Number.parseInt(part, 16).toString(16)).join(':')}::/64`
}

/** True for an address, or one with a prefix length. */
export function isNetwork(text: string): boolean {
  const [address = '', prefix, ...more] = text.split('/')
  const family = isIP(address)
  if (family === 0 || more.length > 0) return false
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128))
}

function blockListOf(networks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const network of networks) {
    if (!isNetwork(network)) {
      throw new SynclineError('invalid_option', `${JSON.stringify(network)} is no address such as 10.0.0.0/8`)
    }
    const [address = '', prefix] = network.split('/')
    const family = isIP(address) === 4 ? 'ipv4' : 'ipv6'
    if (prefix === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(prefix), family)
  }
  return list
}

function contains(list: BlockList, address: string): boolean {
  const family = isIP(address)
  return family !== 0 && list.check(address, family === 4 ? 'ipv4' : 'ipv6')
}

/** An address without a port and a zone, of IPv4 where it is one in IPv6's clothes; null where it is none. */
function plainAddress(text: string): string | null {
  const bare = /^\[(.+)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text
  const address = bare.split('%')[0]!.toLowerCase()
  const mapped = /^::ffff:([\d.]+)$/.exec(address)?.[1]
  if (mapped !== undefined && isIP(mapped) === 4) return mapped
  return isIP(address) === 0 ? null : address
}

function forwardedFor(header: string | string[] | undefined): string[] | null {
  if (header === undefined) return null
  return String(header)
    .split(',')
    .map((entry) => entry.trim())
}

/** `for` of each element of RFC 7239; empty where an element has none. */
function forwarded(header: string | undefined): string[] | null {
  if (header === undefined) return null
  // a visitor who opens a quoted string would have all that proxies add in it
  if (!/^(?:"[^"\\]*"|[^"\\])*$/.test(header)) return ['']
  // a quoted string may have the separators in it
  const elements = header.match(/(?:"[^"]*"|[^,"])+/g) ?? []
  return elements.map((element) => {
    for (const pair of element.match(/(?:"[^"]*"|[^;"])+/g) ?? []) {
      const found = /^\s*for\s*=\s*"?([^"]*?)"?\s*$/i.exec(pair)
      if (found) return found[1]!
    }
    return ''
  })
}
