/** One figure of what is measured. */
export interface Metric {
  readonly key: string
  readonly label: string
  readonly unit: string
}

/** Something that is measured of several servers or clients: a table and a chart. */
export interface Measure {
  readonly name: string
  readonly title: string
  /** the first one is drawn and compared */
  readonly metrics: readonly Metric[]
  /** how often it runs on each; default 3 */
  readonly rounds?: number
}
