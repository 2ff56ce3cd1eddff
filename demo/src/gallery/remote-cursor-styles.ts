import type { Awareness } from 'y-protocols/awareness'

/** y-monaco gives each cursor a class with the client's id, and leaves colours and names to a style sheet: this one. */
export function remoteCursorStyles(awareness: Awareness): () => void {
  const sheet = new CSSStyleSheet()
  document.adoptedStyleSheets.push(sheet)
  const render = () => {
    const rules = [...awareness.getStates()].map(([client, { user }]) => {
      const color = /^#[0-9a-f]{6}$/.test(user?.color) ? user.color : '#68635a'
      const name = JSON.stringify(String(user?.name ?? '').replace(/[^\p{L}\p{N} .’'-]/gu, ''))
      return `.yRemoteSelection-${client} { background: ${color}33 }
        .yRemoteSelectionHead-${client} { --person: ${color} }
        .yRemoteSelectionHead-${client}::after { content: ${name} }`
    })
    sheet.replaceSync(rules.join('\n'))
  }
  awareness.on('change', render)
  render()
  return () => {
    awareness.off('change', render)
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((other) => other !== sheet)
  }
}
