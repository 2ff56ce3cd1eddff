import { element } from './dom.js'
import { type IconName, icon } from './icons.js'

/** A button of a toolbar. */
export interface Tool {
  readonly label: string
  readonly face: IconName | HTMLElement
  readonly run: () => void
  /** for a button that stays pressed: whether it is now */
  readonly pressed?: () => boolean
  readonly enabled?: () => boolean
}

/** A row of buttons in groups. It is one stop of the Tab key; arrow keys, Home and End move inside it. */
export function toolbar(
  label: string,
  groups: readonly (readonly Tool[])[],
): { bar: HTMLElement; refresh: () => void } {
  const made = groups.map((tools) => tools.map((tool) => ({ tool, button: buttonFor(tool) })))
  const all = made.flat()
  const bar = element(
    'div',
    { class: 'toolbar', role: 'toolbar', 'aria-label': label },
    ...made.map((group) => element('div', { class: 'tools', role: 'group' }, ...group.map(({ button }) => button))),
  )
  const refresh = () => {
    for (const { tool, button } of all) {
      if (tool.pressed !== undefined) button.setAttribute('aria-pressed', String(tool.pressed()))
      // not `disabled`: that would take the keyboard's focus away from the button just used
      button.setAttribute('aria-disabled', String(tool.enabled?.() === false))
    }
  }
  rove(
    bar,
    all.map(({ button }) => button),
  )
  refresh()
  return { bar, refresh }
}

function buttonFor(tool: Tool): HTMLButtonElement {
  const face = typeof tool.face === 'string' ? icon(tool.face) : tool.face
  const button = element('button', { type: 'button', class: 'tool', 'aria-label': tool.label, title: tool.label }, face)
  // the text keeps its focus and selection when the mouse is used
  button.addEventListener('mousedown', (event) => event.preventDefault())
  button.addEventListener('click', () => {
    if (tool.enabled?.() !== false) tool.run()
  })
  return button
}

function rove(bar: HTMLElement, buttons: readonly HTMLButtonElement[]): void {
  const stopAt = (chosen: HTMLButtonElement) => {
    for (const button of buttons) button.tabIndex = button === chosen ? 0 : -1
  }
  bar.addEventListener('focusin', (event) => stopAt(event.target as HTMLButtonElement))
  bar.addEventListener('keydown', (event) => {
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement)
    const steps: Record<string, number> = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }
    const step = steps[event.key]
    if (step === undefined) return
    event.preventDefault()
    buttons.at(step % buttons.length)?.focus()
  })
  if (buttons[0] !== undefined) stopAt(buttons[0])
}
