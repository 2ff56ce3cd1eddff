import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { SynclineError } from '@syncline/protocol'
import { expect, test } from 'vitest'
import type * as Y from 'yjs'
import { MemoryLog } from './log/memory.js'
import { Relay } from './relay.js'
import { tracedLog } from './tracing.js'

function traces() {
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  const spans = () => exporter.getFinishedSpans().map(({ name, attributes, status }) => ({ name, attributes, status }))
  return { tracer: provider.getTracer('test'), spans }
}

test('reads, commits and compactions of a relay are spans, without names of documents', async () => {
  const { tracer, spans } = traces()
  const relay = new Relay(tracedLog(new MemoryLog(), tracer))
  const doc = relay.document('a secret name')
  await doc.transact((copy: Y.Doc) => void copy.getText().insert(0, 'hello'))
  await relay.close()
  expect(spans().map(({ name }) => name)).toEqual(expect.arrayContaining(['syncline.read', 'syncline.commit']))
  const commit = spans().find(({ name }) => name === 'syncline.commit')!
  expect(commit.attributes).toEqual({ 'syncline.documents': 1, 'syncline.bytes': expect.any(Number) })
  expect(JSON.stringify(spans())).not.toContain('secret')
})

test('what fails is told by its code, and fails as before', async () => {
  const { tracer, spans } = traces()
  const log = new MemoryLog()
  const fail = () => Promise.reject(new SynclineError('document_damaged', '"a secret name"'))
  const traced = tracedLog(Object.assign(log, { read: fail }), tracer)
  await expect(traced.read('a secret name')).rejects.toMatchObject({ code: 'document_damaged' })
  expect(spans()).toEqual([{ name: 'syncline.read', attributes: {}, status: { code: 2, message: 'document_damaged' } }])
  expect(await traced.list()).toEqual([])
})
