const paths = {
  back: '<path d="M15 5l-7 7 7 7"/>',
  text: '<path d="M6 3.5h8l4 4v13H6z"/><path d="M9 11h6M9 14h6M9 17h3.5"/>',
  code: '<path d="M9 7l-5 5 5 5M15 7l5 5-5 5"/>',
  gallery:
    '<rect x="4" y="4" width="7" height="7" rx="1.5"/><rect x="13" y="4" width="7" height="7" rx="1.5"/><rect x="4" y="13" width="7" height="7" rx="1.5"/><rect x="13" y="13" width="7" height="7" rx="1.5"/>',
  pulse: '<path d="M3 12h4l2.5-7 5 14L17 12h4"/>',
  panes: '<rect x="3.5" y="5" width="17" height="14" rx="2.5"/><path d="M12 5v14"/>',
  pencil: '<path d="M4.5 19.5l1-4L16 5l3 3L8.5 18.5z"/><path d="M14 7l3 3"/>',
  remove: '<path d="M6 6l12 12M18 6L6 18"/>',
  link: '<path d="M10 14a4 4 0 005.7 0l3-3A4 4 0 0013 5.3l-1 1"/><path d="M14 10a4 4 0 00-5.7 0l-3 3A4 4 0 0011 18.7l1-1"/>',
  undo: '<path d="M8 5L4 9l4 4"/><path d="M4 9h9.5a5.5 5.5 0 010 11H9"/>',
  redo: '<path d="M16 5l4 4-4 4"/><path d="M20 9h-9.5a5.5 5.5 0 000 11H15"/>',
  bulletList:
    '<path d="M9.5 6.5H20M9.5 12H20M9.5 17.5H20"/><path d="M4.8 6.5h.01M4.8 12h.01M4.8 17.5h.01" stroke-width="3"/>',
  orderedList:
    '<path d="M10.5 6.5H20M10.5 12H20M10.5 17.5H20"/><path d="M4 5l1.5-.8V9M3.8 15c.3-.9 2.7-1 2.7.3 0 1-2.7 2.7-2.7 2.7h2.9" stroke-width="1.4"/>',
  quote: '<path d="M5 5v14"/><path d="M9.5 8H20M9.5 12H20M9.5 16h6.5"/>',
  codeBlock:
    '<rect x="3.5" y="4.5" width="17" height="15" rx="2.5"/><path d="M10 9.5L7.5 12l2.5 2.5M14 9.5l2.5 2.5-2.5 2.5"/>',
} as const

/** A picture of the set that {@link icon} draws. */
export type IconName = keyof typeof paths

/** Draws an icon in the colour of the text around it. It says nothing by itself: its button has the label. */
export function icon(name: IconName): Element {
  return drawing(`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true">${paths[name]}</svg>`)
}

/** Draws a core of folded rock, a syncline, for the start page. */
export function strata(): Element {
  const layers = ['#257468', '#3a8b7c', '#c9924a', '#e7bb78', '#f6dfb4', '#3a8b7c', '#1d6459']
  const fold = (color: string, layer: number) => {
    const y = 20 + layer * 66
    return `<path d="M-10 ${y}C130 ${y} 160 ${y + 160} 300 ${y + 160}S470 ${y} 610 ${y}V700H-10z" fill="${color}"/>`
  }
  return drawing(`<svg class="strata" viewBox="0 0 600 600" aria-hidden="true">${layers.map(fold).join('')}</svg>`)
}

// the markup is this file's own: nothing that a person wrote comes here
function drawing(markup: string): Element {
  const template = document.createElement('template')
  template.innerHTML = markup
  return template.content.firstElementChild as Element
}
