/** An event of a stream. */
export interface StreamEvent {
  readonly id: string
  readonly event: string
  // biome-ignore lint/suspicious/noExplicitAny: what it says is up to the test
  readonly data: any
}

/** A reader of Server-Sent Events. */
export class EventReader {
  readonly events: StreamEvent[] = []
  isOver = false
  readonly #abort = new AbortController()

  static async open(url: string, lastEventId?: string): Promise<EventReader> {
    const reader = new EventReader()
    const headers: Record<string, string> = lastEventId === undefined ? {} : { 'Last-Event-ID': lastEventId }
    const response = await fetch(url, { headers, signal: reader.#abort.signal })
    if (response.headers.get('Content-Type') !== 'text/event-stream') throw new Error(await response.text())
    void reader.#read(response)
    return reader
  }

  get lastId(): string {
    return this.events.at(-1)?.id ?? ''
  }

  close(): void {
    this.#abort.abort()
  }

  async #read(response: Response): Promise<void> {
    const decoder = new TextDecoder()
    let text = ''
    try {
      for await (const chunk of response.body!) {
        text += decoder.decode(chunk, { stream: true })
        const blocks = text.split('\n\n')
        text = blocks.pop()!
        for (const block of blocks) this.#take(block)
      }
    } catch {
      // it was aborted, or the relay is gone
    }
    this.isOver = true
  }

  #take(block: string): void {
    const fields = new Map(block.split('\n').map((line) => line.split(/: (.*)/s).slice(0, 2) as [string, string]))
    const data = fields.get('data')
    if (data === undefined) return
    this.events.push({ id: fields.get('id') ?? '', event: fields.get('event') ?? '', data: JSON.parse(data) })
  }
}
