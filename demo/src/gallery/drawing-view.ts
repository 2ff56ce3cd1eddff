import { element } from '../dom.js'

/** In a thousandth of the canvas' width. */
export type Point = readonly [x: number, y: number]

/** A line as it is drawn: x, y, x, y, … */
export interface Stroke {
  readonly color: string
  readonly points: readonly number[]
}

/** Somebody else's pen. */
export interface Pen {
  readonly client: number
  readonly pointer: Point | null | undefined
  readonly user: { readonly name?: unknown; readonly color?: unknown } | undefined
}

/** What a person does with the pen. */
export interface PenActions {
  begin(point: Point): void
  go(point: Point): void
  /** where the pen is, touching or not; null where it has left the paper */
  point(point: Point | null): void
}

const width = 1000
const height = 600
const step = 15
const isColor = (color: unknown) => /^#[0-9a-f]{6}$/.test(String(color))
const help = 'Draw with a finger or the mouse; or with the arrow keys, where Space puts the pen down and lifts it.'

/** A paper to draw on, by pointer or keyboard, with the pens of others. */
export function drawingView(parent: HTMLElement, actions: PenActions) {
  const canvas = element('canvas', { tabindex: '0', role: 'img', 'aria-label': `Drawing. ${help}` })
  const pens = element('div', { class: 'pens' })
  const own = element('span', { class: 'pen own', hidden: true })
  const paper = element('div', { class: 'paper' }, canvas, pens, own)
  parent.append(paper, element('p', { class: 'hint' }, help))
  const context = canvas.getContext('2d')!
  let strokes: readonly Stroke[] = []
  let isDown = false
  let at: Point = [width / 2, height / 2]

  const pointOf = (event: PointerEvent): Point => {
    const box = canvas.getBoundingClientRect()
    const x = ((event.clientX - box.left) / box.width) * width
    return [Math.round(x), Math.round(((event.clientY - box.top) / box.height) * height)]
  }
  const place = (pen: HTMLElement, [x, y]: Point) => {
    pen.style.left = `${(x / width) * 100}%`
    pen.style.top = `${(y / height) * 100}%`
  }
  canvas.addEventListener('pointerdown', (event) => {
    isDown = true
    canvas.setPointerCapture(event.pointerId)
    actions.begin(pointOf(event))
  })
  canvas.addEventListener('pointermove', (event) => {
    own.hidden = true
    if (isDown) actions.go(pointOf(event))
    actions.point(pointOf(event))
  })
  for (const end of ['pointerup', 'pointercancel'] as const) canvas.addEventListener(end, () => (isDown = false))
  canvas.addEventListener('pointerleave', () => actions.point(null))
  canvas.addEventListener('blur', () => (own.hidden = true))
  canvas.addEventListener('keydown', (event) => {
    const steps: Record<string, Point> = {
      ArrowLeft: [-step, 0],
      ArrowRight: [step, 0],
      ArrowUp: [0, -step],
      ArrowDown: [0, step],
      ' ': [0, 0],
    }
    const move = steps[event.key]
    if (move === undefined || event.ctrlKey || event.metaKey) return
    event.preventDefault()
    at = [Math.min(width, Math.max(0, at[0] + move[0])), Math.min(height, Math.max(0, at[1] + move[1]))]
    if (event.key === ' ') isDown = !isDown
    if (event.key === ' ' && isDown) actions.begin(at)
    else if (isDown) actions.go(at)
    own.hidden = false
    own.classList.toggle('down', isDown)
    place(own, at)
    actions.point(at)
  })

  const paint = () => {
    canvas.width = Math.round(canvas.clientWidth * devicePixelRatio)
    const scale = canvas.width / width
    canvas.height = Math.round(canvas.clientHeight * devicePixelRatio)
    context.scale(scale, scale)
    context.lineWidth = 4
    context.lineCap = context.lineJoin = 'round'
    for (const { color, points } of strokes) {
      context.beginPath()
      context.strokeStyle = isColor(color) ? color : '#68635a'
      context.moveTo(points[0]!, points[1]!)
      for (let i = 0; i + 1 < points.length; i += 2) context.lineTo(points[i]!, points[i + 1]!)
      context.stroke()
    }
  }
  const resized = new ResizeObserver(paint)
  resized.observe(canvas)

  return {
    /** Draws all strokes anew. */
    draw(all: readonly Stroke[]) {
      strokes = all
      canvas.dataset.strokes = String(all.length)
      paint()
    },
    /** Shows where the pens of others are. */
    showPens(all: readonly Pen[]) {
      const shown = all.filter(({ pointer, user }) => Array.isArray(pointer) && isColor(user?.color))
      pens.replaceChildren(
        ...shown.map(({ pointer, user }) => {
          const pen = element('span', { class: 'pen', 'data-name': String(user?.name).slice(0, 40) })
          pen.style.setProperty('--person', String(user?.color))
          place(pen, pointer!)
          return pen
        }),
      )
    },
    destroy: () => resized.disconnect(),
  }
}
