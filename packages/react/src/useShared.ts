import { Mirror, type Plain, type SharedType } from './mirror.js'
import { useSelected } from './useSelected.js'

/**
 * A Yjs type as immutable JSON. Parts that did not change keep their identity, so that memoized components below render
 * anew only where something did.
 */
export function useShared<T extends SharedType>(type: T): Plain<T>
/** Of no type yet: `undefined`. */
export function useShared<T extends SharedType>(type: T | null | undefined): Plain<T> | undefined
/** What `selector` makes of it: the component renders anew only where that changes. Equal selections are the same one. */
export function useShared<T extends SharedType, S>(type: T, selector: (value: Plain<T>) => S): S
/** Of no type yet: `selector` gets `undefined`. */
export function useShared<T extends SharedType, S>(
  type: T | null | undefined,
  selector: (value: Plain<T> | undefined) => S,
): S
/** The implementation of all. */
export function useShared(type: SharedType | null | undefined, selector: (value: never) => unknown = itself): unknown {
  const { subscribe, read } = type ? Mirror.of(type) : absent
  return useSelected(subscribe, read, selector as (value: unknown) => unknown)
}

const absent = { subscribe: () => () => undefined, read: () => undefined }

function itself<T>(value: T): T {
  return value
}
