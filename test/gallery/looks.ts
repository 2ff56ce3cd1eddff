import type { Page } from 'playwright-core'

/** What WCAG 2 asks of text at level AA: of large text less. */
const contrastMin = 4.5
const largeContrastMin = 3

/**
 * Texts that hardly stand out from what is behind them, each as one line. Where a picture is behind one, or it is invisible,
 * nobody can tell from its style: those are passed over.
 */
export function faintTexts(page: Page): Promise<string[]> {
  return page.evaluate(
    ({ contrastMin, largeContrastMin }) => {
      type Color = readonly [number, number, number, number]
      const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true })!
      const colorOf = (css: string): Color => {
        canvas.clearRect(0, 0, 1, 1)
        canvas.fillStyle = css
        canvas.fillRect(0, 0, 1, 1)
        const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data
        return [r!, g!, b!, a! / 255]
      }
      const over = (top: Color, below: Color): Color => {
        const mix = (i: 0 | 1 | 2) => top[i] * top[3] + below[i] * (1 - top[3])
        return [mix(0), mix(1), mix(2), 1]
      }
      const luminance = ([r, g, b]: Color) => {
        const [x, y, z] = [r, g, b].map((part) => {
          const share = part / 255
          return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
        })
        return 0.2126 * x! + 0.7152 * y! + 0.0722 * z!
      }
      const parentOf = (element: Element) =>
        element.assignedSlot ?? element.parentElement ?? (element.getRootNode() as ShadowRoot).host ?? null
      const chain = (element: Element) => {
        const found: Element[] = []
        for (let at: Element | null = element; at; at = parentOf(at)) found.push(at)
        return found
      }
      const dark = matchMedia('(prefers-color-scheme: dark)').matches
      /** null where a picture is behind it */
      const behind = (element: Element): Color | null => {
        let color: Color = dark ? [18, 18, 18, 1] : [255, 255, 255, 1]
        for (const each of chain(element).reverse()) {
          const style = getComputedStyle(each)
          if (style.backgroundImage !== 'none') return null
          color = over(colorOf(style.backgroundColor), color)
        }
        return color
      }
      const isSeen = (element: Element) => {
        if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) return false
        if (element.closest('.unseen, [aria-disabled=true], :disabled')) return false
        if (getComputedStyle(element).clipPath !== 'none') return false
        const { width, height } = element.getBoundingClientRect()
        return width > 1 && height > 1
      }
      const faults: string[] = []
      const look = (root: Document | ShadowRoot) => {
        for (const element of root.querySelectorAll('*')) {
          if (element.shadowRoot) look(element.shadowRoot)
          const own = [...element.childNodes].filter((node) => node.nodeType === 3).map((node) => node.textContent)
          const text = own.join('').trim()
          if (text === '' || element instanceof HTMLStyleElement || element instanceof HTMLScriptElement) continue
          if (!isSeen(element) || element.closest('svg')) continue
          const ground = behind(element)
          if (ground === null) continue
          const style = getComputedStyle(element)
          const ink = over(colorOf(style.color), ground)
          const [light, deep] = [luminance(ink), luminance(ground)].sort((a, b) => b - a) as [number, number]
          const contrast = (light + 0.05) / (deep + 0.05)
          const size = Number.parseFloat(style.fontSize)
          const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700)
          if (contrast >= (isLarge ? largeContrastMin : contrastMin)) continue
          faults.push(`${contrast.toFixed(2)} “${text.slice(0, 40)}” (${element.tagName} ${element.className})`)
        }
      }
      look(document)
      return faults
    },
    { contrastMin, largeContrastMin },
  )
}

/** Buttons, links and fields that a screen reader has no name for, each as one line. */
export async function namelessControls(page: Page): Promise<string[]> {
  const controls = page.locator('button, a[href], input, select, textarea, [role=textbox], [contenteditable=true]')
  const faults: string[] = []
  for (const control of await controls.all()) {
    if (!(await control.isVisible())) continue
    const [markup, isHidden] = await control.evaluate((element) => [
      (element.cloneNode(false) as Element).outerHTML.slice(0, 160),
      element.closest('[aria-hidden=true]') !== null,
    ])
    if (isHidden) continue
    const tree = await control.ariaSnapshot()
    // `- button "Undo"`, `- textbox "Text": …`: a control without a name has no quotes after its role
    if (!/^- '?[a-z]+ "[^"]/.test(tree)) faults.push(`${markup}: ${tree.split('\n')[0]}`)
  }
  return faults
}
