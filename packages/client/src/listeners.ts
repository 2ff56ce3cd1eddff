/** Functions of the application that want to know something. */
export class Listeners<Value> {
  readonly #listeners = new Set<{ readonly call: (value: Value) => void }>()

  /** The result removes it; the same function may be added twice. */
  add(call: (value: Value) => void): () => void {
    const listener = { call }
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  emit(value: Value): void {
    for (const { call } of [...this.#listeners]) guarded(() => call(value))
  }
}

/** Runs code of the application, or code that an event of Yjs runs: what it throws is reported and stops nothing. */
export function guarded(run: () => void): void {
  try {
    run()
  } catch (error) {
    report(error)
  }
}

/** Tells the page of an error that nobody can catch: `window.onerror` sees it, in Node the console. */
export function report(error: unknown): void {
  if (typeof reportError === 'function') reportError(error)
  else console.error(error)
}
