import { type LookupAddress, type LookupOptions, lookup } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'

const networks4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
]
// the last ones lead to addresses of IPv4, which may be any
const networks6 = ['::/127', '100::/64', '2001:db8::/32', 'fc00::/7', 'fe80::/10', 'ff00::/8']
const tunnels6 = ['::/96', '64:ff9b::/96', '64:ff9b:1::/48', '2001::/32', '2002::/16']

const privateAddresses = new BlockList()
for (const [networks, family] of [
  [networks4, 'ipv4'],
  [[...networks6, ...tunnels6], 'ipv6'],
] as const) {
  for (const network of networks) {
    const [address = '', prefix] = network.split('/')
    privateAddresses.addSubnet(address, Number(prefix), family)
  }
}

/** Whether an address is of this machine, of a network that is not the internet, or of none at all. */
export function isPrivateAddress(address: string): boolean {
  const family = isIP(address)
  // an address of IPv4 in the clothes of IPv6 is looked up as what it is
  return family === 0 || privateAddresses.check(address, family === 4 ? 'ipv4' : 'ipv6')
}

/**
 * Looks a name up as the platform does, and leaves out what is private. It is asked by the connection itself: the address
 * that was checked is the one that is connected to.
 */
export const lookupPublic: LookupFunction = (hostname, options, callback) => {
  const all: LookupOptions & { all: true } = { ...options, all: true }
  lookup(hostname, all, (error, addresses: LookupAddress[]) => {
    if (error) return callback(error, [])
    const found = addresses.filter(({ address }) => !isPrivateAddress(address))
    const [first] = found
    if (first === undefined) return callback(new PrivateAddress(), [])
    if (options.all) return callback(null, found)
    callback(null, first.address, first.family)
  })
}

/** An address that is not to be connected to. */
export class PrivateAddress extends Error {
  constructor() {
    super('the address is private, and private ones are not allowed')
  }
}
