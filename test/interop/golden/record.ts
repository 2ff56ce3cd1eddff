import { connect } from '@syncline/client'
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import { startRelay } from '../../support/relay.js'
import { until } from '../../support/until.js'
import type { Event } from './conversation.js'

/**
 * Two clients of this version edit a document, one is offline for a while, and both leave: what they and the relay said,
 * to be replayed for ever. One waits for the other at each step, so that the order is theirs and not chance's.
 */
export async function recordConversation(): Promise<Event[]> {
  const relay = await startRelay()
  const events: Event[] = []
  const hex = (data: unknown) => Buffer.from(data as Uint8Array).toString('hex')
  const socketOf = (who: string) =>
    class extends WebSocket {
      constructor(url: string, protocols?: string | string[]) {
        super(url, protocols)
        this.on('open', () => events.push({ who, did: 'connect' }))
        this.on('close', () => events.push({ who, did: 'leave' }))
      }

      override send(data: Uint8Array): void {
        events.push({ who, did: 'send', frame: hex(data) })
        super.send(data)
      }

      override emit(event: string | symbol, ...details: unknown[]): boolean {
        if (event === 'message') events.push({ who, did: 'receive', frame: hex(details[0]) })
        return super.emit(event, ...details)
      }
    }
  const join = async (who: string, clientID: number): Promise<Person> => {
    const doc = new Y.Doc()
    doc.clientID = clientID
    const Socket = socketOf(who)
    const connection = connect(relay.webSocketUrl, { webSocket: (url, protocols) => new Socket(url, protocols) })
    const handle = connection.open('golden', { doc })
    await handle.synced
    await handle.saved()
    await until('the relay to have said so', () => events.at(-1)?.did === 'receive')
    return { connection, handle, text: doc.getText(), doc }
  }
  const ada = await join('ada', 1_000)
  const ben = await join('ben', 1_001)

  ada.text.insert(0, 'Hello')
  await ada.handle.saved()
  await until('Ben to have it', () => ben.text.toString() === 'Hello')
  ben.handle.awareness.setLocalStateField('user', { name: 'Ben' })
  await until('Ada to see him', () => ada.handle.awareness.getStates().has(ben.doc.clientID))
  ada.connection.goOffline()
  await until('him to see that she is gone', () => !ben.handle.awareness.getStates().has(ada.doc.clientID))
  ben.text.insert(5, ' world')
  ben.text.delete(0, 1)
  await ben.handle.saved()
  ada.text.insert(5, '!')
  ada.connection.goOnline()
  await ada.handle.saved()
  await until('both to have all', () => ada.text.toString() === ben.text.toString() && ben.text.length === 11)
  await ada.connection.close()
  await until('Ben to see it', () => !ben.handle.awareness.getStates().has(ada.doc.clientID))
  await ben.connection.close()
  await until('all sockets to be closed', () => events.filter(({ did }) => did === 'leave').length === 3)
  await relay.stop()
  return events
}

interface Person {
  readonly connection: ReturnType<typeof connect>
  readonly handle: ReturnType<ReturnType<typeof connect>['open']>
  readonly text: Y.Text
  readonly doc: Y.Doc
}
