import { once } from 'node:events'
import { expect } from 'vitest'
import { WebSocket } from 'ws'
import { until } from '../../support/until.js'
import { type Event, epochIn, type Heard, heardIn } from './conversation.js'

/** One client of a conversation, that says what was recorded. */
class Speaker {
  readonly #socket: WebSocket
  readonly heard: Heard[] = []
  readonly #frames: string[] = []

  constructor(url: string, protocol: string) {
    this.#socket = new WebSocket(`${url}/sync`, protocol)
    this.#socket.on('message', (data) => this.#frames.push((data as Buffer).toString('hex')))
  }

  get opened(): Promise<unknown> {
    return once(this.#socket, 'open')
  }

  get frames(): readonly string[] {
    return this.#frames
  }

  say(frame: string): void {
    this.#socket.send(Buffer.from(frame, 'hex'))
  }

  async leave(): Promise<void> {
    if (this.#socket.readyState === WebSocket.CLOSED) return
    this.#socket.close(1000)
    await once(this.#socket, 'close')
  }
}

/**
 * Says to a relay what was recorded, in the same order, and compares every answer with the recorded one: byte by byte, but
 * for the epoch, which is random, and the relay's name for itself.
 *
 * @param protocol the subprotocol of WebSocket that these clients ask for
 */
export async function replayConversation(url: string, protocol: string, events: readonly Event[]): Promise<number> {
  const speakers = new Map<string, Speaker>()
  const expected = new Map<string, string[]>()
  const epochs = { recorded: '', actual: '' }
  let compared = 0

  /** Waits until a speaker was told all that it was told by then, and compares. */
  const settle = async (who: string) => {
    const speaker = speakers.get(who)
    const wanted = expected.get(who) ?? []
    if (!speaker || wanted.length === 0) return
    const messages = (frames: readonly string[]) => frames.flatMap(heardIn)
    const wantedMessages = messages(wanted)
    await until(`${who} to be told all`, () => messages(speaker.frames).length >= wantedMessages.length, {
      seen: () => ({ wanted: wantedMessages, instead: messages(speaker.frames) }),
    })
    epochs.recorded ||= wanted.map(epochIn).find((epoch) => epoch !== null) ?? ''
    epochs.actual ||= speaker.frames.map(epochIn).find((epoch) => epoch !== null) ?? ''
    const known = (frames: readonly string[]) =>
      messages(frames).map((heard) => ({
        ...heard,
        body: heard.body.replaceAll(epochs.actual || '-', epochs.recorded),
      }))
    expect(known(speaker.frames)).toEqual(wantedMessages)
    compared = Math.max(compared, 0) + wantedMessages.length
  }

  for (const event of events) {
    const { who } = event
    switch (event.did) {
      case 'connect': {
        const speaker = new Speaker(url, protocol)
        await speaker.opened
        speakers.set(who, speaker)
        expected.set(who, [])
        break
      }
      case 'receive':
        expected.get(who)!.push(event.frame)
        break
      case 'send':
        for (const each of speakers.keys()) await settle(each)
        speakers.get(who)!.say(event.frame.replaceAll(epochs.recorded || '-', epochs.actual))
        break
      case 'leave':
        await settle(who)
        await speakers.get(who)!.leave()
        speakers.delete(who)
        break
    }
  }
  return compared
}
