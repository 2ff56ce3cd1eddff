import type * as Y from 'yjs'

/** Makes the text equal to a field's value by one deletion and one insertion, where they differ. */
export function typeInto(text: Y.Text, value: string): void {
  const before = text.toString()
  let start = 0
  while (start < value.length && value[start] === before[start]) start++
  let end = 0
  const endMax = Math.min(value.length, before.length) - start
  while (end < endMax && value.at(-1 - end) === before.at(-1 - end)) end++
  text.delete(start, before.length - start - end)
  text.insert(start, value.slice(start, value.length - end))
}

/** Shows the text, and leaves the cursor between the characters where it was. */
export function showText(
  field: HTMLInputElement | HTMLTextAreaElement,
  value: string,
  delta: Y.YTextEvent['delta'],
): void {
  if (field.value === value) return
  const [start, end] = [field.selectionStart, field.selectionEnd].map((place) => {
    let [at, index] = [place ?? 0, 0]
    for (const { retain = 0, insert, delete: deleted = 0 } of delta) {
      index += retain
      if (index < at) at += typeof insert === 'string' ? insert.length : -Math.min(deleted, at - index)
      if (typeof insert === 'string') index += insert.length
    }
    return at
  })
  field.value = value
  if (field === document.activeElement) field.setSelectionRange(start!, end!)
}
