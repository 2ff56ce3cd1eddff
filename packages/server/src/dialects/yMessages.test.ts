import { describe, expect, test } from 'vitest'
import { decodeYMessage, encodeYMessage, type YMessage } from './yMessages.js'

const bytes = Uint8Array.of(7, 8, 9)

describe('a message of y-websocket', () => {
  test.each<[YMessage, number[]]>([
    [{ type: 'step1', stateVector: bytes }, [0, 0, 3, 7, 8, 9]],
    [{ type: 'step2', update: bytes }, [0, 1, 3, 7, 8, 9]],
    [{ type: 'update', update: bytes }, [0, 2, 3, 7, 8, 9]],
    [{ type: 'awareness', update: bytes }, [1, 3, 7, 8, 9]],
  ])('%j is %j', (message, encoded) => {
    expect([...encodeYMessage(message)]).toEqual(encoded)
    expect(decodeYMessage(Uint8Array.from(encoded))).toEqual(message)
  })

  test.each([[[2, 0, 1, 97]], [[3]], [[100, 1, 2]]])('%j is nothing to a relay', (encoded) => {
    expect(decodeYMessage(Uint8Array.from(encoded))).toBeNull()
  })

  test.each([[[]], [[0]], [[0, 0]], [[0, 3, 0]], [[0, 2, 4, 7, 8, 9]], [[0, 2, 2, 7, 8, 9]], [[1, 255]], [[1, 0, 0]]])(
    '%j is none',
    (encoded) => {
      expect(() => decodeYMessage(Uint8Array.from(encoded))).toThrow(
        expect.objectContaining({ code: 'malformed_frame' }),
      )
    },
  )
})
