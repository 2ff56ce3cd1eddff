import * as Y from 'yjs'
import { share } from './share.js'

/** Any type of Yjs: a `Y.Map`, `Y.Array`, `Y.Text` or one of XML. */
// biome-ignore lint/suspicious/noExplicitAny: each type of Yjs has events of its own, and none is assignable to another's
export type SharedType = Y.AbstractType<any>

/** A Yjs type as immutable JSON: what its `toJSON()` gives. Text and XML are strings. */
export type Plain<T> = T extends Y.Text | Y.XmlFragment | Y.XmlText
  ? string
  : T extends Y.Array<infer Item>
    ? readonly Plain<Item>[]
    : T extends Y.Map<infer Value>
      ? Readonly<Record<string, Plain<Value>>>
      : T

/**
 * A Yjs type as JSON that never changes: each change makes new objects for what changed and for what is around it, and
 * keeps all others. It costs what changed, not what the type weighs.
 */
export class Mirror {
  readonly #type: SharedType
  readonly #listeners = new Set<() => void>()
  /** of every type inside that is unchanged since */
  readonly #known = new WeakMap<object, unknown>()
  #last: unknown

  private constructor(type: SharedType) {
    this.#type = type
  }

  /** The mirror of a type: there is one. */
  static of(type: SharedType): Mirror {
    const mirror = mirrors.get(type) ?? new Mirror(type)
    mirrors.set(type, mirror)
    return mirror
  }

  /** the JSON now: the same object until something changes */
  readonly read = (): unknown => {
    // nobody has told what changed meanwhile: all of it is looked at, and what is equal kept
    this.#last = this.#listeners.size > 0 ? this.#plain(this.#type) : share(this.#last, freshly(this.#type))
    return this.#last
  }

  /** Calls back after each transaction that changed something; the result stops it. */
  readonly subscribe = (listener: () => void): (() => void) => {
    if (this.#listeners.size === 0) this.#begin()
    // a function of its own: the same listener may come twice
    const own = () => listener()
    this.#listeners.add(own)
    return () => {
      if (this.#listeners.delete(own) && this.#listeners.size === 0) this.#type.unobserveDeep(this.#changed)
    }
  }

  #begin(): void {
    this.#type.observeDeep(this.#changed)
    this.#remember(this.#type, share(this.#last, freshly(this.#type)))
  }

  /** Takes over JSON that is known to be right, with all that is inside. */
  #remember(value: unknown, plain: unknown): void {
    if (!(value instanceof Y.AbstractType)) return
    this.#known.set(value, plain)
    if (value instanceof Y.Array) {
      for (const [index, item] of value.toArray().entries()) this.#remember(item, (plain as unknown[])[index])
    } else if (value instanceof Y.Map) {
      for (const [key, item] of value) this.#remember(item, (plain as Record<string, unknown>)[key])
    }
  }

  readonly #changed = (events: readonly Y.YEvent<Y.AbstractType<unknown>>[]): void => {
    for (const { target } of events) this.#forget(target)
    for (const listener of [...this.#listeners]) listener()
  }

  /** The type and what it is in, up to our own. */
  #forget(type: Y.AbstractType<unknown> | null): void {
    for (let around = type; around !== null; around = around === this.#type ? null : around.parent) {
      this.#known.delete(around)
    }
  }

  #plain(value: unknown): unknown {
    if (!(value instanceof Y.AbstractType)) return value
    if (this.#known.has(value)) return this.#known.get(value)
    const plain = plainOf(value, (item) => this.#plain(item))
    this.#known.set(value, plain)
    return plain
  }
}

const mirrors = new WeakMap<SharedType, Mirror>()

function freshly(value: unknown): unknown {
  return value instanceof Y.AbstractType ? plainOf(value, freshly) : value
}

function plainOf(type: Y.AbstractType<unknown>, plain: (item: unknown) => unknown): unknown {
  if (type instanceof Y.Array) return type.map(plain)
  if (type instanceof Y.Map) return Object.fromEntries(Array.from(type, ([key, value]) => [key, plain(value)]))
  return type.toJSON()
}
