import type { Measure } from '../measure.js'
import type { Side } from './sides.js'

/** Something that a client library costs a page. */
export interface ClientMeasure extends Measure {
  /** it needs a browser, and the client's own server */
  readonly isInBrowser: boolean
  run(side: Side, isQuick: boolean): Promise<Record<string, number>>
}
