/**
 * Reads Server-Sent Events as a relay writes them, up to the end of the stream.
 *
 * @param take is called with each event: its name, empty where it has none, and its lines of data
 */
export async function readEvents(
  body: ReadableStream<Uint8Array>,
  take: (event: string, lines: readonly string[]) => void,
): Promise<void> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let rest = ''
  let event = ''
  let data: string[] = []
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    const lines = (rest + decoder.decode(value, { stream: true })).split('\n')
    rest = lines.pop()!
    for (const line of lines) {
      if (line.startsWith('data: ')) data.push(line.slice(6))
      else if (line.startsWith('event: ')) event = line.slice(7)
      else if (line === '') {
        if (data.length > 0) take(event, data)
        event = ''
        data = []
      }
    }
  }
}

/** The bytes of a frame: each line has some of them in base64. */
export function dataOf(lines: readonly string[]): ArrayBuffer {
  const parts = lines.map((line) => atob(line))
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) for (let i = 0; i < part.length; i++) bytes[at++] = part.charCodeAt(i)
  return bytes.buffer
}
