/**
 * A document as JSON: what it says, without who wrote it and what was deleted. Where a value stands, an object is told
 * by its `type`: a shared type, a subdocument, or a plain value that JSON would not tell apart from those. What is in a
 * plain value is plain.
 */
export interface DocumentJson {
  /** of this form: 1 */
  readonly format: 1
  readonly roots: Readonly<Record<string, TypeJson>>
}

/** A shared type. The roots of a document are of the first four; it does not say of which class they are. */
export type TypeJson = MapJson | ArrayJson | TextJson | XmlFragmentJson | XmlElementJson | XmlHookJson

/** A `Y.Map`. */
export interface MapJson {
  readonly type: 'map'
  readonly entries: ValuesJson
}

/** A `Y.Array`. */
export interface ArrayJson {
  readonly type: 'array'
  readonly items: readonly ValueJson[]
  /** of a root that is used as a map too; left out where there are none */
  readonly attributes?: ValuesJson
}

/** A `Y.Text` or `Y.XmlText`. */
export interface TextJson {
  readonly type: 'text' | 'xmlText'
  readonly delta: readonly InsertJson[]
  /** left out where there are none */
  readonly attributes?: ValuesJson
}

/** What stands in a text: a string, or an embedded object or shared type, and how it is formatted. */
export interface InsertJson {
  readonly insert: string | TypeJson | PlainJson
  /** plain values; left out where there are none */
  readonly attributes?: Readonly<Record<string, unknown>>
}

/** A `Y.XmlFragment`; a root with attributes is a `Y.XmlElement`. */
export interface XmlFragmentJson {
  readonly type: 'xmlFragment'
  readonly children: readonly ValueJson[]
  /** left out where there are none */
  readonly attributes?: ValuesJson
}

/** A `Y.XmlElement`. */
export interface XmlElementJson {
  readonly type: 'xmlElement'
  readonly name: string
  readonly children: readonly ValueJson[]
  /** left out where there are none */
  readonly attributes?: ValuesJson
}

/** A `Y.XmlHook`. */
export interface XmlHookJson {
  readonly type: 'xmlHook'
  readonly name: string
  readonly entries: ValuesJson
}

/** Values by key. */
export type ValuesJson = Readonly<Record<string, ValueJson>>

/** A value in a shared type. */
export type ValueJson =
  | null
  | boolean
  | number
  | string
  /** a plain array */
  | readonly unknown[]
  | TypeJson
  | PlainJson
  | BytesJson
  | AnyJson
  | SubdocumentJson

/** A plain value that would be taken for something else: an object. */
export interface PlainJson {
  readonly type: 'json'
  readonly value: unknown
}

/** A `Uint8Array`. */
export interface BytesJson {
  readonly type: 'bytes'
  readonly base64: string
}

/** A plain value that JSON cannot express, such as `undefined` or a bigint, in lib0's encoding of any values. */
export interface AnyJson {
  readonly type: 'any'
  readonly base64: string
}

/** A subdocument, which is another document: its content is not here. */
export interface SubdocumentJson {
  readonly type: 'subdocument'
  readonly guid: string
  /** left out where it is true */
  readonly gc?: false
  /** left out where it is false */
  readonly autoLoad?: true
  /** left out where it is null */
  readonly meta?: ValueJson
}

/**
 * Shared types within each other. Deeper ones overflow the stack of some client sooner or later.
 */
export const depthMax = 500
