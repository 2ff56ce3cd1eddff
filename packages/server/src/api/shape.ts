import { z } from 'zod'

interface Fragment {
  readonly $ref?: string
  readonly $defs?: Readonly<Record<string, Fragment>>
  readonly type?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly properties?: Readonly<Record<string, Fragment>>
  readonly required?: readonly string[]
  readonly items?: Fragment
  readonly anyOf?: readonly Fragment[]
  readonly oneOf?: readonly Fragment[]
}

/** What JSON of a schema looks like to a reader, such as `{"state": object, "ttl"?: integer}`. */
export function shapeOf(schema: z.ZodType): string {
  const root = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Fragment
  return shape(root, root.$defs ?? {})
}

function shape(fragment: Fragment, defs: Readonly<Record<string, Fragment>>): string {
  const of = (part: Fragment) => shape(part, defs)
  const { $ref, type, properties, required = [], items, enum: values, anyOf, oneOf } = fragment
  if ($ref) return of(defs[$ref.replace('#/$defs/', '')] ?? {})
  const choices = anyOf ?? oneOf
  if (choices) return choices.map(of).join(' or ')
  if (values) return values.map((value) => JSON.stringify(value)).join(' or ')
  if (fragment.const !== undefined) return JSON.stringify(fragment.const)
  if (properties) {
    const entries = Object.entries(properties).map(([name, value]) => {
      return `${JSON.stringify(name)}${required.includes(name) ? '' : '?'}: ${of(value)}`
    })
    return `{${entries.join(', ')}}`
  }
  if (type === 'array') return `[${items ? of(items) : 'any'}, …]`
  return type ?? 'any'
}
