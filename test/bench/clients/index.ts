import { clientEditor } from './editors.js'
import type { ClientMeasure } from './measure.js'
import { clientOpen } from './open.js'
import { clientWeight } from './weight.js'

export type { ClientMeasure } from './measure.js'
export { type Side, sides } from './sides.js'
export { browserPath } from './stage.js'

/** In the order of the tables. */
export const clientMeasures: readonly ClientMeasure[] = [clientOpen, clientEditor, clientWeight]
