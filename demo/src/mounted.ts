/** An editor on the page. */
export interface Mounted {
  focus(): void
  setEditable(editable: boolean): void
}
