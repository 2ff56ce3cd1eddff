import { useEffect, useMemo, useRef, useSyncExternalStore } from 'react'
import { share } from './share.js'

/**
 * What `selector` makes of a snapshot. An equal selection is the same one as before, also where the selector is a new
 * function with each render: the component does not render anew for it.
 *
 * @param read gives the same snapshot until something changes
 */
export function useSelected<S, T>(
  subscribe: (changed: () => void) => () => void,
  read: () => S,
  selector: (snapshot: S) => T,
): T {
  const shown = useRef<{ readonly selection: T } | null>(null)
  const select = useMemo(() => {
    let last: { readonly snapshot: S; readonly selection: T } | null = null
    return () => {
      const snapshot = read()
      if (last === null || !Object.is(last.snapshot, snapshot)) {
        const before = last ?? shown.current
        const selection = selector(snapshot)
        last = { snapshot, selection: before === null ? selection : share(before.selection, selection) }
      }
      return last.selection
    }
  }, [read, selector])
  const selection = useSyncExternalStore(subscribe, select, select)
  useEffect(() => {
    shown.current = { selection }
  }, [selection])
  return selection
}
