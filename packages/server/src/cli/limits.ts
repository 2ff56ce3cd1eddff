import type { Option } from 'commander'
import { z } from 'zod'
import { isNetwork, type TrustProxy } from '../limits/address.js'
import { isLimit, type RelayLimits } from '../limits/limits.js'
import { collectList, setting } from './setting.js'

const units = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 } as const
const hopsMax = 32

/** The part of what commander collected that bounds what people may take of the relay. */
export const limitsShape = {
  limit: z.array(z.string()).default([]).transform(limitsOf),
  trustProxy: z.array(z.string()).default([]).transform(trustOf),
}

/** The flags of `syncline serve`. */
export function limitSettings(): Option[] {
  return [
    setting('limit', '<name=value>', 'another bound, such as documentSessionsMax=200; repeatable').argParser(
      collectList,
    ),
    setting(
      'trust-proxy',
      '<proxies>',
      'proxies that tell where visitors come from: how many, or their addresses such as 10.0.0.0/8; repeatable',
    ).argParser(collectList),
  ]
}

/** Bytes, such as `500000000`, `512MiB` or `2GiB`; null where it is no whole number. */
export function amountOf(text: string): number | null {
  const [, digits, unit] = /^(\d{1,15})(KiB|MiB|GiB)?$/.exec(text) ?? []
  if (digits === undefined) return null
  const amount = Number(digits) * (unit === undefined ? 1 : units[unit as keyof typeof units])
  return Number.isSafeInteger(amount) ? amount : null
}

function limitsOf(given: readonly string[], context: z.RefinementCtx): Partial<RelayLimits> {
  const limits: { -readonly [name in keyof RelayLimits]?: number } = {}
  const refuse = (message: string) => context.addIssue({ code: 'custom', message })
  for (const entry of given) {
    const [name = '', value = '', ...more] = entry.split('=')
    const amount = amountOf(value)
    if (!isLimit(name)) refuse(`there is no limit of the name ${JSON.stringify(name)}; the README lists them`)
    else if (amount === null || amount === 0 || more.length > 0) {
      refuse(`${name} expects a number above 0, such as ${name}=200 or 512MiB`)
    } else limits[name] = amount
  }
  return limits
}

function trustOf(given: readonly string[], context: z.RefinementCtx): TrustProxy {
  const [first = ''] = given
  if (given.length === 1 && /^\d{1,2}$/.test(first) && Number(first) <= hopsMax) return Number(first)
  const wrong = given.find((each) => !isNetwork(each))
  if (wrong !== undefined) {
    const message = `expected a number of proxies, or addresses such as 10.0.0.0/8, not ${JSON.stringify(wrong)}`
    context.addIssue({ code: 'custom', message })
  }
  return given
}
