import { expect, test } from 'vitest'
import { appendSchema, objectSchema, patchSchema, presenceSchema, readOnlySchema } from './schemas.js'
import { shapeOf } from './shape.js'

test.each([
  [readOnlySchema, '{"seconds": integer}'],
  [presenceSchema, '{"state": object, "ttl"?: integer}'],
  [appendSchema, '{"text": string} or {"items": [any, …]}'],
  [objectSchema, 'object'],
  [
    patchSchema,
    '[{"op": "add" or "replace" or "test", "path": string, "value": any} or {"op": "remove", "path": string} or ' +
      '{"op": "move" or "copy", "path": string, "from": string}, …]',
  ],
])('a reader of the page sees what a body looks like %#', (schema, shape) => {
  expect(shapeOf(schema)).toBe(shape)
})
