import { openLevelLog } from '@syncline/server'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { startApi } from '../api/support.js'
import { emptyDirectory } from '../cli/support.js'
import { joinYWebsocket, TestClock } from '../relay/support.js'
import { until } from '../support/until.js'
import { isSigned, local, pass, startEndpoint, startRelay, type Told, webhookSecret } from './support.js'

const typesOf = (told: readonly { readonly type: string }[]) => told.map(({ type }) => type)
const changes = ['document.changed'] as const

describe('webhooks', () => {
  test('a change is told once it is on disk and quiet: signed, with its position', async () => {
    const endpoint = await startEndpoint()
    const { relay, clock } = startRelay({ webhooks: [local(endpoint)] })
    const document = relay.document('articles/1')
    for (let key = 0; key < 20; key++) await document.transact((doc) => doc.getText('body').insert(0, 'x'))
    const point = await document.transact((doc) => doc.getText('body').insert(0, 'y'))
    await until('its creation to be told', () => endpoint.told.length === 1)
    await pass(clock, 2_000, 'the change to be told', () => endpoint.told.length === 2)
    expect(typesOf(endpoint.told)).toEqual(['document.created', 'document.changed'])
    const [, changed] = endpoint.told
    expect(JSON.parse(changed!.body)).toEqual({
      type: 'document.changed',
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      data: { document: 'articles/1', ...point },
    })
    expect(changed!.headers['content-type']).toBe('application/json')
    expect(isSigned(changed!, webhookSecret, clock.now() / 1_000)).toBe(true)
    expect(isSigned({ ...changed!, body: `${changed!.body} ` }, webhookSecret, clock.now() / 1_000)).toBe(false)
    await until('nothing to be owed', () => relay.stats().webhooksPending === 0)
    expect(relay.stats()).toMatchObject({ webhooksDelivered: 2, webhooksFailed: 0 })
  })

  test('somebody who never stops is told of every n seconds, and a last time after the last edit', async () => {
    const endpoint = await startEndpoint()
    const webhook = local(endpoint, { events: changes, everyMs: 5_000, content: 'text' })
    const { relay, clock } = startRelay({ webhooks: [webhook] })
    const document = relay.document('notes')
    for (let second = 0; second < 12; second++) {
      await document.transact((doc) => doc.getText('body').insert(0, 'x'))
      clock.pass(1_000)
      if (second === 4) await pass(clock, 0, 'the first one', () => relay.stats().webhooksDelivered === 1)
      if (second === 9) await pass(clock, 0, 'the second one', () => relay.stats().webhooksDelivered === 2)
    }
    await pass(clock, 5_000, 'the last one', () => endpoint.told.length === 3)
    expect(endpoint.told.map(({ data }) => data.content)).toEqual(['x'.repeat(5), 'x'.repeat(10), 'x'.repeat(12)])
    expect(endpoint.told.map(({ data }) => data.position)).toEqual([5, 10, 12])
  })

  test('what is not taken comes again with the same id, later and later, and in order', async () => {
    const endpoint = await startEndpoint()
    const statuses = [500, 302, 404]
    endpoint.answer = (response) => {
      response.writeHead(statuses.shift() ?? 200, { Location: endpoint.url }).end()
    }
    const { relay, clock, lines } = startRelay({ webhooks: [local(endpoint, { events: changes })] })
    const document = relay.document('notes')
    await document.transact((doc) => doc.getText('body').insert(0, 'a'))
    await pass(clock, 2_000, 'the first attempt', () => relay.stats().webhooksFailed === 1)
    clock.pass(700)
    expect(endpoint.told).toHaveLength(1)
    await pass(clock, 300, 'the second attempt', () => relay.stats().webhooksFailed === 2)
    clock.pass(1_400)
    expect(endpoint.told).toHaveLength(2)
    await pass(clock, 600, 'the third attempt', () => relay.stats().webhooksFailed === 3)
    // what is edited meanwhile goes with the next attempt
    await document.transact((doc) => doc.getText('body').insert(0, 'b'))
    clock.pass(2_900)
    expect(endpoint.told).toHaveLength(3)
    await pass(clock, 1_100, 'the fourth attempt', () => relay.stats().webhooksDelivered === 1)
    expect(endpoint.told.map(({ data }) => data.position)).toEqual([1, 1, 1, 2])
    const [first, ...ids] = endpoint.told.map(({ id }) => id)
    expect(ids.slice(0, 2)).toEqual([first, first])
    expect(ids[2]).not.toBe(first)
    expect(lines.join('\n')).toContain('it answered with 500')
    expect(lines.join('\n')).not.toContain(webhookSecret.slice(6))
  })

  test('an endpoint that does not answer holds up no commit, and no other endpoint', async () => {
    const [slow, quick] = [await startEndpoint(), await startEndpoint()]
    slow.answer = () => {}
    const { relay, clock } = startRelay({
      webhooks: [local(slow, { everyMs: 0, events: changes }), local(quick, { everyMs: 0, events: changes })],
    })
    for (let number = 0; number < 30; number++) {
      await relay.document(`notes/${number}`).transact((doc) => doc.getText('body').insert(0, 'a'))
    }
    await pass(clock, 0, 'the quick one to be told of all', () => quick.told.length === 30)
    // its connections are bounded, and what waits is one thing for each document
    expect(slow.told.length).toBeLessThanOrEqual(8)
    for (let edit = 0; edit < 20; edit++) {
      await relay.document('notes/0').transact((doc) => doc.getText('body').insert(0, 'b'))
    }
    await until('the quick one to be told of the last edit', () => quick.told.at(-1)!.data.position === 21)
    await until('the slow one alone to be owed something', () => relay.stats().webhooksPending === 30)
    const positions = quick.told.filter(({ data }) => data.document === 'notes/0').map(({ data }) => data.position)
    expect(positions).toEqual([...positions].sort((a, b) => a - b))
  })

  test('filters: by name and by type; created, deleted and created anew come in this order', async () => {
    const [all, deletions] = [await startEndpoint(), await startEndpoint()]
    const { relay } = startRelay({
      webhooks: [
        local(all, { documents: ['articles/*'], events: ['document.created', 'document.deleted'] }),
        local(deletions, { events: ['document.deleted'] }),
      ],
    })
    await relay.document('other').transact((doc) => doc.getText('body').insert(0, 'a'))
    const { epoch } = await relay.document('articles/1').transact((doc) => doc.getText('body').insert(0, 'a'))
    await until('the creation', () => all.told.length === 1)
    await relay.remove('articles/1')
    await until('the deletion', () => all.told.length === 2 && deletions.told.length === 1)
    await relay.create('articles/1')
    await until('the creation of another one', () => all.told.length === 3)
    await relay.document('articles/1').transact((doc) => doc.getText('body').insert(0, 'a'))
    await relay.remove('other')
    await until('the other deletion', () => deletions.told.length === 2)
    await until('nothing to be owed', () => relay.stats().webhooksPending === 0)
    expect(typesOf(all.told)).toEqual(['document.created', 'document.deleted', 'document.created'])
    expect(all.told.map(({ data }) => data.epoch === epoch)).toEqual([true, true, false])
    expect(deletions.told.map(({ data }) => data.document)).toEqual(['articles/1', 'other'])
  })

  test('the first client opens a document, and the last one closes it: a page that is reloaded does neither', async () => {
    const endpoint = await startEndpoint()
    const clock = new TestClock()
    const events = ['document.opened', 'document.created', 'document.closed'] as const
    const { relay, webSocketUrl } = await startApi({ clock, webhooks: [local(endpoint, { events })] })
    const join = async () => {
      const { provider, doc } = joinYWebsocket(webSocketUrl, 'notes')
      await until('the sync', () => provider.synced)
      return { provider, doc }
    }
    const leave = async ({ provider }: Awaited<ReturnType<typeof join>>, left: number) => {
      provider.destroy()
      await until('the session to end', () => relay.stats().sessions === left)
    }
    const first = await join()
    await until('the opening to be told', () => endpoint.told.length === 1)
    first.doc.getText('body').insert(0, 'a')
    await until('its creation to be told', () => endpoint.told.length === 2)
    const second = await join()
    await leave(first, 1)
    clock.pass(10_000)
    await leave(second, 0)
    clock.pass(4_000)
    const reloaded = await join()
    clock.pass(10_000)
    await leave(reloaded, 0)
    expect(endpoint.told).toHaveLength(2)
    await pass(clock, 5_000, 'the closing to be told', () => endpoint.told.length === 3)
    const [{ data: opened }, { data: created }, { data: closed }] = endpoint.told as [Told, Told, Told]
    expect(typesOf(endpoint.told)).toEqual(events)
    expect(opened).toEqual({ document: 'notes', epoch: null, position: 0 })
    expect(closed).toEqual({ document: 'notes', epoch: created.epoch, position: 1 })
    await join()
    await until('it to be opened again', () => typesOf(endpoint.told)[3] === 'document.opened')
  })

  test('an endpoint in a private network is refused, by address and by name', async () => {
    const endpoint = await startEndpoint()
    const byName = endpoint.url.replace('127.0.0.1', 'localhost')
    const { relay, clock, lines } = startRelay({
      webhooks: [
        { url: endpoint.url, secret: webhookSecret },
        { url: byName, secret: webhookSecret },
      ],
    })
    await relay.document('notes').transact((doc) => doc.getText('body').insert(0, 'a'))
    await pass(clock, 2_000, 'both to be refused', () => relay.stats().webhooksFailed >= 2)
    expect(lines.filter((line) => line.includes('the address is private'))).toHaveLength(2)
    expect(endpoint.told).toEqual([])
  })

  test('content comes in the form that was asked for; one that the document does not have is told', async () => {
    const forms = ['json', 'html', 'text', 'update'] as const
    const endpoints = await Promise.all(forms.map(() => startEndpoint()))
    const { relay, clock } = startRelay({
      webhooks: endpoints.map((endpoint, index) => local(endpoint, { content: forms[index]!, events: changes })),
    })
    await relay.document('plan').transact((doc) => doc.getMap('plan').set('title', 'A plan'))
    await pass(clock, 2_000, 'all to be told', () => endpoints.every(({ told }) => told.length === 1))
    const [json, html, text, update] = endpoints.map(({ told }) => told[0]!.data)
    expect(json!.content).toEqual({ plan: { title: 'A plan' } })
    expect([html!.content, html!.problem?.code]).toEqual([null, 'no_value'])
    expect([text!.content, text!.problem?.code]).toEqual([null, 'no_value'])
    expect(Buffer.from(update!.content as string, 'base64')).toEqual(
      Buffer.from((await relay.document('plan').read()).update),
    )
  })

  test('an article comes as HTML and as text', async () => {
    const [html, text] = [await startEndpoint(), await startEndpoint()]
    const { relay, clock } = startRelay({
      webhooks: [local(html, { content: 'html', events: changes }), local(text, { content: 'text', events: changes })],
    })
    await relay.document('articles/1').transact((doc) => {
      const paragraph = new Y.XmlElement('paragraph')
      paragraph.insert(0, [new Y.XmlText('Fish & chips')])
      doc.getXmlFragment('default').insert(0, [paragraph])
    })
    await pass(clock, 2_000, 'both to be told', () => html.told.length === 1 && text.told.length === 1)
    expect(html.told[0]!.data.content).toBe('<p>Fish &amp; chips</p>')
    expect(text.told[0]!.data.content).toBe('Fish & chips')
  })

  test('what was given up is set aside, and told once more when somebody asks', async () => {
    const endpoint = await startEndpoint()
    endpoint.answer = (response) => void response.writeHead(503).end()
    const log = await openLevelLog(emptyDirectory())
    const webhookRetry = { giveUpMs: 10_000 }
    const { relay, clock } = startRelay({ webhooks: [local(endpoint, { events: changes })], webhookRetry }, log)
    await relay.document('notes').transact((doc) => doc.getText('body').insert(0, 'a'))
    await pass(clock, 2_000, 'the first attempt', () => relay.stats().webhooksFailed === 1)
    await pass(clock, 10_000, 'the last attempt', () => relay.stats().webhooksSetAside === 1)
    const { pending, setAside } = relay.webhookStatus()
    expect(pending).toBe(0)
    expect(setAside).toMatchObject([
      { document: 'notes', url: endpoint.url, events: changes, attempts: 2, reason: 'it answered with 503' },
    ])
    endpoint.answer = (response) => void response.writeHead(200).end('thanks')
    expect([await relay.replayWebhooks('other/*'), await relay.replayWebhooks('no*')]).toEqual([0, 1])
    await pass(clock, 0, 'it to be told', () => relay.stats().webhooksDelivered === 1)
    expect(relay.webhookStatus()).toEqual({ pending: 0, setAside: [] })
    expect(new Set(endpoint.told.map(({ id }) => id)).size).toBe(1)
  })

  test('a change after what was given up makes it superfluous', async () => {
    const endpoint = await startEndpoint()
    endpoint.answer = (response) => void response.writeHead(500).end()
    const { relay, clock } = startRelay({
      webhooks: [local(endpoint, { events: changes })],
      webhookRetry: { giveUpMs: 0 },
    })
    await relay.document('notes').transact((doc) => doc.getText('body').insert(0, 'a'))
    await pass(clock, 2_000, 'it to be given up', () => relay.webhookStatus().setAside.length === 1)
    endpoint.answer = (response) => void response.writeHead(200).end()
    await relay.document('notes').transact((doc) => doc.getText('body').insert(0, 'b'))
    await pass(clock, 10_000, 'the change to be told', () => relay.stats().webhooksDelivered === 1)
    expect(relay.webhookStatus()).toEqual({ pending: 0, setAside: [] })
  })
})

describe('store', () => {
  test('keeps documents in the application: what throws comes again, and what is last is last', async () => {
    const kept: unknown[] = []
    let isDown = true
    const { relay, clock, lines } = startRelay({
      store: {
        content: 'json',
        documents: ['articles/*'],
        save: async ({ type, data }) => {
          if (isDown) throw new Error('the database is down')
          kept.push([type, data.document, data.content])
        },
      },
    })
    await relay.document('articles/1').merge({ title: 'first' }, { storing: 'plain' })
    await relay.document('other').merge({ title: 'other' }, { storing: 'plain' })
    await pass(clock, 2_000, 'it to be tried', () => relay.stats().webhooksFailed === 1)
    expect(lines.join()).toContain('the database is down')
    isDown = false
    await relay.document('articles/1').merge({ title: 'second' }, { storing: 'plain' })
    await pass(clock, 1_000, 'it to be kept', () => kept.length === 1)
    await relay.remove('articles/1')
    await until('the deletion to be told', () => kept.length === 2)
    expect(kept).toEqual([
      ['document.changed', 'articles/1', { title: 'second' }],
      ['document.deleted', 'articles/1', undefined],
    ])
  })
})
