import { connect } from '@syncline/client'
import { createElement, Suspense } from 'react'
import { renderToString } from 'react-dom/server'
import { expect, test } from 'vitest'
import {
  SynclineProvider,
  useAwareness,
  useConnection,
  useDocument,
  useShared,
  useStatus,
  useSuspenseDocument,
} from './index.js'

function Notes() {
  const handle = useDocument('notes')
  const status = useStatus(handle)
  const peers = useAwareness(handle)
  const text = useShared(handle?.doc.getText('text'))
  return JSON.stringify([useConnection(), handle, status, peers, text ?? 'no text yet'])
}

function Suspended() {
  return useSuspenseDocument('notes').name
}

const webSocket = () => {
  throw new Error('a server must not connect')
}

test('a page is rendered on a server without a connection', () => {
  const page = createElement(
    SynclineProvider,
    { url: 'wss://relay.test', options: { webSocket } },
    createElement(Notes),
  )
  expect(renderToString(page).replaceAll('&quot;', '"')).toBe('[null,null,null,[],"no text yet"]')
})

test('a suspended document is its fallback on a server', () => {
  const body = createElement(Suspense, { fallback: 'one moment' }, createElement(Suspended))
  const page = createElement(SynclineProvider, { url: 'wss://relay.test', options: { webSocket } }, body)
  expect(renderToString(page)).toContain('one moment')
})

test('a connection that is there is not used on a server', () => {
  const connection = connect('wss://relay.test', { webSocket, online: false })
  const page = createElement(SynclineProvider, { connection }, createElement(Notes))
  expect(renderToString(page).replaceAll('&quot;', '"')).toBe('[null,null,null,[],"no text yet"]')
})

test('hooks tell whoever forgot the provider', () => {
  expect(() => renderToString(createElement(Notes))).toThrow('There is no SynclineProvider above this component')
})
