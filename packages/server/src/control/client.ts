import { request } from 'node:http'
import { isErrorCode, SynclineError } from '@syncline/protocol'
import type { Revocation } from '../auth/authorize.js'
import { findSocket } from './socket.js'

const answerBytesMax = 16 * 1024 * 1024

/** What can be asked of a running relay, and what it is told. */
export type ControlRequest =
  | { readonly path: '/status' | '/overview' }
  | {
      readonly path: '/documents/delete' | '/documents/create' | '/documents/compact'
      readonly body: { readonly name: string }
    }
  | { readonly path: '/webhooks' }
  | { readonly path: '/webhooks/replay'; readonly body: { readonly documents: string } }
  | { readonly path: '/revoke'; readonly body: Revocation }
  | { readonly path: '/backup'; readonly body: { readonly directory: string } }

/**
 * Asks the relay that runs on a data directory.
 *
 * @returns its answer; null where none runs there, or none that listens for commands
 * @throws SynclineError what the relay says; `closed` where it stops meanwhile
 */
export async function askRelay(data: string, asked: ControlRequest): Promise<unknown> {
  const socketPath = await findSocket(data)
  if (socketPath === null) return null
  const text = await exchange(socketPath, asked)
  if (text === null) return null
  const answer = JSON.parse(text) as { readonly error?: { readonly code: string; readonly reason: string } }
  if (answer.error) throw errorOf(answer.error)
  return answer
}

function exchange(socketPath: string, asked: ControlRequest): Promise<string | null> {
  const body = 'body' in asked ? JSON.stringify(asked.body) : null
  const method = body === null ? 'GET' : 'POST'
  const headers = body === null ? {} : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) }
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) => {
      // nobody listens: no relay, or one that was killed
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') return resolve(null)
      reject(new SynclineError('closed', `The relay gave no answer: ${error.message}`))
    }
    const asking = request({ socketPath, path: asked.path, method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = []
      let bytes = 0
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        bytes += chunk.length
        if (bytes > answerBytesMax) response.destroy(new Error('the answer is too long'))
      })
      response.on('end', () => resolve(Buffer.concat(chunks).toString()))
      response.on('error', failed)
    })
    asking.on('error', failed)
    asking.end(body ?? undefined)
  })
}

function errorOf({ code, reason }: { readonly code: string; readonly reason: string }): SynclineError {
  const error = new SynclineError(isErrorCode(code) ? code : 'internal')
  error.message = reason // it has the advice of the code already
  return error
}
