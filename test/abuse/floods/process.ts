/**
 * Those who flood a relay, in a process of their own: what they do costs the bystanders nothing but the relay's time. It
 * takes the least share of the machine, since it would be on others.
 */
import { setPriority } from 'node:os'
import type { Dialect } from '../attackers.js'
import { Front, floods } from './floods.js'

/** What the process is told, and what it answers. */
export type Order =
  | { readonly type: 'begin'; readonly name: string; readonly url: string; readonly dialects: readonly Dialect[] }
  | { readonly type: 'end' }
export type Answer =
  | { readonly type: 'begun' }
  | { readonly type: 'ended'; readonly rounds: number; readonly strays: readonly string[] }

const least = 19
// what waits to be sent would only take this process' memory
const unsentBytesMax = 2 ** 21

setPriority(least)
let isOver = false
const tell = (answer: Answer) => void process.send!(answer)
process.on('message', (order: Order) => {
  if (order.type === 'end') isOver = true
  else void flood(order)
})
process.on('disconnect', () => process.exit())

async function flood({ name, url, dialects }: Extract<Order, { type: 'begin' }>): Promise<void> {
  isOver = false
  const front = new Front(url, dialects)
  const { attackers, more } = await floods.find((one) => one.name === name)!.begin(front)
  tell({ type: 'begun' })
  let rounds = 0
  while (!isOver) {
    await more(rounds++)
    do await new Promise((done) => setTimeout(done, 1))
    while (!isOver && attackers.some(({ socket, closed }) => closed === null && socket.bufferedAmount > unsentBytesMax))
  }
  for (const attacker of attackers) attacker.leave()
  tell({ type: 'ended', rounds, strays: front.canaries.strays })
}
