import { connect } from '@syncline/client'
import { authorizeByJwt, withPublicRead } from '@syncline/server'
import { expect, onTestFinished, test } from 'vitest'
import { EventReader } from '../api/events.js'
import { json, mergePatch, startApi } from '../api/support.js'
import { secret, signed } from '../support/issuer.js'
import { until, within } from '../support/until.js'
import { joinYWebsocket } from './support.js'

test('documents that only the backend writes are read by everybody, without a token', async () => {
  const byToken = await authorizeByJwt({ key: { secret } })
  const limits = { addressOpensBurst: 40, addressOpensPerSecond: 1 }
  const { ask, url, webSocketUrl, relay } = await startApi({ authorize: withPublicRead(byToken, ['prices/*']), limits })
  await relay.document('prices/abc').merge({ price: { bid: 1 } })
  await relay.document('secret').merge({ price: { bid: 1 } })
  const path = '/documents/prices%2Fabc'
  const backend = { Authorization: `Bearer ${await signed({ documents: { '*': 'write' } })}` }

  const connection = connect(url)
  onTestFinished(() => connection.close())
  const open = connection.open('prices/abc')
  await within('the sync', open.synced)
  expect(open.status.access).toBe('read')
  const reader = await EventReader.open(`${url}/api/v1${path}/events?mode=patch&interval=50`)
  onTestFinished(() => reader.close())
  const old = joinYWebsocket(webSocketUrl, 'prices/abc')
  await until('y-websocket', () => old.provider.synced)
  expect((await ask(path, mergePatch({ price: { bid: 2 } }, backend))).status).toBe(200)
  const bids = () => [open.doc, old.doc].map((doc) => doc.getMap('price').get('bid'))
  await until('all to see it', () => bids().every((bid) => bid === 2) && reader.events.length === 2)

  // nobody else writes, signals or reads what is not public
  const answers = [
    await ask(path, mergePatch({ price: { bid: 3 } })),
    await ask(`${path}/signal`, json('POST', 1)),
    await ask(path, { method: 'DELETE' }),
    await ask('/documents/secret'),
    await ask('/documents/prices'),
  ]
  expect(answers.map(({ status }) => status)).toEqual([403, 403, 401, 401, 401])
  // somebody whose token allows other documents reads what everybody does
  const other = { Authorization: `Bearer ${await signed({ documents: { mine: 'write' } })}` }
  expect((await ask(path, { headers: other })).status).toBe(200)
  open.doc.getMap('price').set('bid', 4)
  await until('the refusal', () => open.status.refused === 1)
  expect(await (await ask(`${path}?pointer=/price/bid`)).json()).toBe(2)

  // and an address takes so much of it, and no more
  const statuses = await Promise.all(Array.from({ length: 60 }, async () => (await ask(path)).status))
  expect(new Set(statuses)).toEqual(new Set([200, 429]))
})
