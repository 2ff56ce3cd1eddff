type Child = Node | string | null

/** An element with attributes, properties that are functions as listeners, and children. */
export function h<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Readonly<Record<string, string | boolean | ((event: Event) => void)>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(key, value)
    else if (value === true) element.setAttribute(key, '')
    else if (value !== false) element.setAttribute(key, value)
  }
  element.append(...children.filter((child) => child !== null))
  return element
}

/** Fills the cells of a table's body: rows that stay are the same elements, so that nothing that has the focus goes. */
export class Rows<Row> {
  readonly body = h('tbody')
  readonly #keyOf: (row: Row) => string
  readonly #make: (key: string) => { readonly element: HTMLTableRowElement; show(row: Row): void }
  readonly #rows = new Map<string, { readonly element: HTMLTableRowElement; show(row: Row): void }>()

  constructor(
    keyOf: (row: Row) => string,
    make: (key: string) => { readonly element: HTMLTableRowElement; show(row: Row): void },
  ) {
    this.#keyOf = keyOf
    this.#make = make
  }

  show(rows: readonly Row[]): void {
    const keys = new Set(rows.map(this.#keyOf))
    for (const [key, { element }] of this.#rows) {
      if (keys.has(key)) continue
      element.remove()
      this.#rows.delete(key)
    }
    for (const [index, row] of rows.entries()) {
      const key = this.#keyOf(row)
      const shown = this.#rows.get(key) ?? this.#make(key)
      this.#rows.set(key, shown)
      shown.show(row)
      if (this.body.children[index] !== shown.element) {
        this.body.insertBefore(shown.element, this.body.children[index] ?? null)
      }
    }
  }
}

/** Says something where it is read aloud, too. */
export function setText(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text
}
